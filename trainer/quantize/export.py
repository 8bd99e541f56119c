"""Export a fitted network as TFLite, in the process that has TensorFlow."""

from collections.abc import Sequence
from contextlib import nullcontext
from importlib.util import find_spec
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from trainer.networks import FittedNetwork, NetworkSpec
from trainer.quantize.flatbuffer import read_facts
from trainer.quantize.model import ExportedModel, ExportError, Quantization, as_model_inputs
from trainer.tensorflow_process import ProcessError, TensorFlowProcess

_TIMEOUT_S = 600.0
_MOST_REPRESENTATIVES = 300


def export_tflite(
    network: FittedNetwork,
    quantization: Quantization,
    representative: NDArray[np.float32] | None,
) -> ExportedModel:
    """Export a network in one quantization; see ``export_variants``."""
    return export_variants(network, (quantization,), representative)[quantization]


def export_variants(
    network: FittedNetwork,
    quantizations: Sequence[Quantization],
    representative: NDArray[np.float32] | None,
    process: TensorFlowProcess | None = None,
) -> dict[Quantization, ExportedModel]:
    """Export a network in several quantizations, all by one process.

    ``float16`` stores weights in 16 bits. ``dynamic`` stores the larger matrices in 8 bits, one
    scale for each, and computes in float32 otherwise. ``int8`` computes in integers: 8 bits with
    the cell state in 16 for window networks, 16 bits with weights of 8 for streaming ones.

    Args:
        network: to be exported.
        quantizations: as which.
        representative: needed for int8: float32 (n, F), consecutive healthy vectors as the
            network will see them; for a window network also (n, L, F).
        process: where; None: in one of its own.

    Raises:
        ExportError: the network cannot be exported like this, or the process did not end well.
    """
    for quantization in quantizations:
        problem = _problem(network.spec, quantization, representative)
        if problem is not None:
            raise ExportError(f"{quantization} export refused: {problem}")
    if find_spec("tensorflow") is None:
        raise ExportError("exporting needs the extra 'trainer': pip install 'edge-agent[trainer]'")
    if representative is not None:
        representative = as_model_inputs(network, representative, _MOST_REPRESENTATIVES)
    with TensorFlowProcess() if process is None else nullcontext(process) as where:
        try:
            models: dict[Quantization, bytes] = where.call(
                "trainer.quantize.convert:convert_all",
                network,
                tuple(quantizations),
                representative,
                refused=ExportError,
                timeout_s=_TIMEOUT_S,
            )
        except ProcessError as error:
            listed = ", ".join(quantizations)
            raise ExportError(
                f"the {listed} export failed: the converting process {error}"
            ) from error
    return {q: _checked(network, q, model) for q, model in models.items()}


def _problem(
    spec: NetworkSpec, quantization: str, representative: NDArray[np.float32] | None
) -> str | None:
    if quantization not in get_args(Quantization):
        return f"{', '.join(get_args(Quantization))} are allowed"
    if quantization != "int8":
        return None
    if spec.activation == "relu":
        return (
            "activations of relu have no bound, and an integer cell state crashes the converter "
            "or flips decisions: use float32, float16 or the activation tanh"
        )
    if spec.bidirectional:
        return (
            "an integer network that reads a window both ways was off by up to a tenth of its "
            "spread: use float32 or float16"
        )
    if representative is None:
        return "it needs representative inputs to find the range of every number"
    return None


def _checked(network: FittedNetwork, quantization: Quantization, model: bytes) -> ExportedModel:
    """Make sure that the converter did what it was asked to, which it does not say itself."""
    spec = network.spec
    facts = read_facts(model)
    if spec.form == "window" and facts.fused_layers != len(network.layers):
        raise ExportError(
            f"the {quantization} export failed: the converter fused {facts.fused_layers} "
            f"of {len(network.layers)} layers"
        )
    if quantization in ("dynamic", "int8") and facts.int8_weights == 0:
        raise ExportError(
            f"{quantization} export refused: the converter left every weight in float32, because "
            "no matrix that it can quantize holds 1024 numbers: "
            + ("use float16 or int8" if spec.form == "window" else "use float32 or float16")
        )
    return ExportedModel(
        model=model,
        kind=spec.form,
        quantization=quantization,
        n_inputs=network.n_inputs,
        n_outputs=network.n_outputs,
        state_size=spec.state_size(network.n_inputs),
        window_length=spec.window_length,
        int8_weights=facts.int8_weights,
    )
