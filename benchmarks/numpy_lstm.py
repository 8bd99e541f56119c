"""The reference for the model: an LSTM written in numpy, one step at a time or a whole window."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


@dataclass
class NumpyLstm:
    """Stacked LSTM layers and a dense layer, with carried state.

    Attributes:
        layers: kernel (inputs, 4 units), recurrent (units, 4 units), bias (4 units,); gates in
            the order i, f, c, o.
        head: kernel and bias of the dense layer.
        state: h and c of each layer, (1, units).
    """

    layers: list[tuple[Array, Array, Array]]
    head: tuple[Array, Array]
    state: list[tuple[Array, Array]]

    @classmethod
    def of(cls, arrays: dict[str, Array]) -> Self:
        """Take weights by the names that the trainer gives them."""
        count = sum(name.endswith("_recurrent") for name in arrays)
        parts = ("kernel", "recurrent", "bias")
        layers = [tuple(arrays[f"layer{i}_{part}"] for part in parts) for i in range(count)]
        made = cls(layers, (arrays["head_kernel"], arrays["head_bias"]), [])  # type: ignore[arg-type]
        made.reset()
        return made

    @classmethod
    def random(cls, n_features: int, units: tuple[int, ...]) -> Self:
        """Make one that predicts its ``n_features`` inputs; random weights cost the same."""
        rng = np.random.default_rng(0)

        def weights(*shape: int) -> Array:
            return (0.3 * rng.standard_normal(shape)).astype(np.float32)

        arrays, width = {}, n_features
        for i, n in enumerate(units):
            arrays[f"layer{i}_kernel"] = weights(width, 4 * n)
            arrays[f"layer{i}_recurrent"] = weights(n, 4 * n)
            arrays[f"layer{i}_bias"] = weights(4 * n)
            width = n
        arrays["head_kernel"], arrays["head_bias"] = weights(width, n_features), weights(n_features)
        return cls.of(arrays)

    def reset(self) -> None:
        """Begin from zero state."""
        sizes = [recurrent.shape[0] for _, recurrent, _ in self.layers]
        self.state = [(np.zeros((1, n), np.float32), np.zeros((1, n), np.float32)) for n in sizes]

    def step(self, x: Array) -> Array:
        """Take one vector (1, F) and return the prediction (1, O)."""
        for number, (kernel, recurrent, bias) in enumerate(self.layers):
            h, c = self.state[number]
            i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=1)
            c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
            h = _sigmoid(o) * np.tanh(c)
            self.state[number] = (h, c)
            x = h
        kernel, bias = self.head
        predicted: Array = x @ kernel + bias
        return predicted

    def window(self, rows: Array) -> Array:
        """Run over a window (L, F) from zero state and return the last prediction (1, O)."""
        self.reset()
        predicted = np.empty((1, 0), np.float32)
        for row in rows:
            predicted = self.step(row[None])
        return predicted
