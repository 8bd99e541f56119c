"""A fitted network as plain arrays, free of the library that fitted it."""

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.networks.spec import NetworkSpec

_GATES = {"lstm": 4, "gru": 3}


class NetworkError(ValueError):
    """Arrays do not fit the network; the message says what was found and what is allowed."""


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """Weights of one recurrent layer, float32, in the order Keras keeps them.

    Attributes:
        kernel: (inputs, gates * units); gates are i, f, c, o (LSTM) or z, r, h (GRU).
        recurrent: (units, gates * units).
        bias: (gates * units,) for an LSTM; (2, gates * units) for a GRU, first row for the
            inputs, second for the state (Keras' ``reset_after`` form).
    """

    kernel: NDArray[np.float32]
    recurrent: NDArray[np.float32]
    bias: NDArray[np.float32]

    @property
    def units(self) -> int:
        """Size of the layer."""
        return int(self.recurrent.shape[0])


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate of a search, and the validation loss that it was judged by."""

    units: tuple[int, ...]
    learning_rate: float
    batch_size: int
    val_loss: float


class FitHistory(msgspec.Struct, frozen=True, kw_only=True):
    """How the fit went.

    Attributes:
        loss: training loss of each epoch.
        val_loss: validation loss of each epoch; empty where nothing was held back.
        best_epoch: 0-based epoch whose weights were kept; -1 where none was better than the weights
            before the first, whose output layer is zero.
        trials: all candidates where several were fitted, this one included.
    """

    loss: tuple[float, ...]
    val_loss: tuple[float, ...]
    best_epoch: int
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True, slots=True)
class FittedNetwork:
    """A network with its weights.

    Attributes:
        spec: what was built.
        n_inputs: F, numbers per input vector.
        n_outputs: O, numbers per output vector.
        layers: recurrent layers in order, a decoder's included; of a bidirectional network first
            the one that reads forwards, then the one that reads backwards.
        head_kernel: float32 (width of the last layer, heads * O), quantile by quantile.
        head_bias: float32 (heads * O,).
        history: losses of each epoch.
        seconds: how long the fit took, without the import of the library.
    """

    spec: NetworkSpec
    n_inputs: int
    n_outputs: int
    layers: tuple[LayerWeights, ...]
    head_kernel: NDArray[np.float32]
    head_bias: NDArray[np.float32]
    history: FitHistory
    seconds: float

    def __post_init__(self) -> None:
        """Check every array's shape and numbers. Raises NetworkError."""
        if self.spec.memory_alpha is not None and self.n_inputs != self.n_outputs:
            message = (
                f"a network with a memory predicts its {self.n_inputs} inputs; "
                f"{self.n_outputs} outputs are found"
            )
            raise NetworkError(message)
        expected = expected_shapes(self.spec, self.n_inputs, self.n_outputs)
        found = {name: array.shape for name, array in self.arrays().items()}
        if found != expected:
            differing = {name for name in found | expected if found.get(name) != expected.get(name)}
            name = min(differing)
            message = f"array {name} is {found.get(name)}; {expected.get(name)} is allowed"
            raise NetworkError(message)
        for name, array in self.arrays().items():
            if not np.isfinite(array).all():
                message = f"array {name} holds numbers that are not finite"
                raise NetworkError(message)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """All weights by name: ``layerN_kernel``, ``_recurrent``, ``_bias``, ``head_...``."""
        named: dict[str, NDArray[np.float32]] = {}
        for number, layer in enumerate(self.layers):
            named[f"layer{number}_kernel"] = layer.kernel
            named[f"layer{number}_recurrent"] = layer.recurrent
            named[f"layer{number}_bias"] = layer.bias
        named["head_kernel"] = self.head_kernel
        named["head_bias"] = self.head_bias
        return named


def expected_shapes(spec: NetworkSpec, n_inputs: int, n_outputs: int) -> dict[str, tuple[int, ...]]:
    """Shape of every array that a network of this kind has, by the names of ``arrays``."""
    shapes: dict[str, tuple[int, ...]] = {}
    gates = _GATES[spec.cell]
    width = n_inputs if spec.memory_alpha is None else 2 * n_inputs
    for place, units in enumerate(spec.layer_units):
        columns = gates * units
        for number in range(place * spec.directions, (place + 1) * spec.directions):
            shapes[f"layer{number}_kernel"] = (width, columns)
            shapes[f"layer{number}_recurrent"] = (units, columns)
            shapes[f"layer{number}_bias"] = (columns,) if spec.cell == "lstm" else (2, columns)
        width = units * spec.directions
    shapes["head_kernel"] = (width, n_outputs * spec.heads)
    shapes["head_bias"] = (n_outputs * spec.heads,)
    return shapes
