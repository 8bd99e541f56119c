"""Read and correct TFLite files; the schema is the one that comes with the runtime."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

_FUSED_LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
# slots of UnidirectionalSequenceLSTMOptions in TensorFlow Lite's schema.fbs
_ACTIVATION_SLOT = 4
_CELL_CLIP_SLOT = 6
_RELU = 1


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model file holds.

    Attributes:
        ops: operators in order, as (name, version).
        custom: names of operators that are not built in, Flex ones included.
        min_runtime_version: of the file's metadata; empty where it says none.
        int8_weights: numbers of constant tensors stored in 8 bits.
    """

    ops: tuple[tuple[str, int], ...]
    custom: tuple[str, ...]
    min_runtime_version: str
    int8_weights: int

    @property
    def fused_layers(self) -> int:
        """How many fused LSTM operators there are."""
        return sum(name == _FUSED_LSTM for name, _ in self.ops)


def correct_fused_lstm(model: bytes, *, relu: bool) -> bytes:
    """Return the model with the attributes its fused LSTMs should have had.

    The converter writes a cell clip of 10 into every fused LSTM, whatever the network does, and
    knows no other activation than tanh, although the operator has both attributes.
    """
    content = bytearray(model)
    for operator, name in _operators(model):
        if name != _FUSED_LSTM:
            continue
        options = operator.BuiltinOptions()
        # a field at its default has no place in the file; then there is nothing to correct
        if (offset := options.Offset(_CELL_CLIP_SLOT)) != 0:
            struct.pack_into("<f", content, options.Pos + offset, 0.0)
        if relu:
            struct.pack_into("<b", content, options.Pos + options.Offset(_ACTIVATION_SLOT), _RELU)
    return bytes(content)


def read_facts(model: bytes) -> ModelFacts:
    """Return what the file holds."""
    root = _schema().Model.GetRootAs(model, 0)
    ops, custom = [], []
    for operator, name in _operators(model):
        code = root.OperatorCodes(operator.OpcodeIndex())
        ops.append((name, int(code.Version())))
        if code.CustomCode() is not None:
            custom.append(code.CustomCode().decode("utf-8", "replace"))
    return ModelFacts(
        ops=tuple(ops),
        custom=tuple(custom),
        min_runtime_version=_min_runtime_version(root),
        int8_weights=_int8_weights(root),
    )


def _schema() -> Any:
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


def _operators(model: bytes) -> Iterator[tuple[Any, str]]:
    """Every operator of every subgraph with its name."""
    schema = _schema()
    codes = vars(schema.BuiltinOperator).items()
    names = {number: name for name, number in codes if isinstance(number, int)}
    root = schema.Model.GetRootAs(model, 0)
    for graph in (root.Subgraphs(k) for k in range(root.SubgraphsLength())):
        for number in range(graph.OperatorsLength()):
            operator = graph.Operators(number)
            code = root.OperatorCodes(operator.OpcodeIndex())
            # old files keep the code in a field of one byte
            builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            yield operator, names.get(builtin, f"operator {builtin}")


def _min_runtime_version(root: Any) -> str:
    for entry in (root.Metadata(k) for k in range(root.MetadataLength())):
        if entry.Name() == b"min_runtime_version":
            data = root.Buffers(entry.Buffer()).DataAsNumpy()
            return bytes(data).rstrip(b"\0").decode("ascii", "replace")
    return ""


def _int8_weights(root: Any) -> int:
    int8 = _schema().TensorType.INT8
    total = 0
    for graph in (root.Subgraphs(k) for k in range(root.SubgraphsLength())):
        for tensor in (graph.Tensors(k) for k in range(graph.TensorsLength())):
            if tensor.Type() == int8 and root.Buffers(tensor.Buffer()).DataLength() > 0:
                total += int(np.prod(tensor.ShapeAsNumpy()))
    return total
