"""From a fitted network to a TFLite file that every supported gateway runs."""

from trainer.quantize.export import export_tflite, export_variants
from trainer.quantize.gate import GateError, GateReport, Parity, check_model
from trainer.quantize.model import ExportedModel, ExportError, Quantization

__all__ = [
    "ExportError",
    "ExportedModel",
    "GateError",
    "GateReport",
    "Parity",
    "Quantization",
    "check_model",
    "export_tflite",
    "export_variants",
]
