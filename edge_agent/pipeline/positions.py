"""One network for every channel of an asset: a general network knows a single channel only."""

import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.predictor import Predictor


class Positions:
    """The same network over each part of the vector, every part with a state of its own."""

    def __init__(self, parts: list[Predictor]) -> None:
        """Begin with ``parts``, one predictor for each position."""
        self._parts = parts

    def push(
        self, scaled: NDArray[np.float32], seen: NDArray[np.float32]
    ) -> NDArray[np.float32] | None:
        """See Predictor."""
        n = len(self._parts)
        pairs = zip(np.split(scaled, n), np.split(seen, n), strict=True)
        found = [part.push(*pair) for part, pair in zip(self._parts, pairs, strict=True)]
        residuals = [r for r in found if r is not None]
        # all parts have seen as many vectors: all predict, or none does yet
        return np.concatenate(residuals, axis=1) if residuals else None

    def state(self) -> dict[str, NDArray[np.float32]]:
        """See Predictor."""
        return {
            f"{i}.{name}": array
            for i, part in enumerate(self._parts)
            for name, array in part.state().items()
        }

    def restore(self, state: dict[str, NDArray[np.float32]]) -> None:
        """See Predictor."""
        parts: list[dict[str, NDArray[np.float32]]] = [{} for _ in self._parts]
        for key, array in state.items():
            number, _, name = key.partition(".")
            if not number.isdecimal() or int(number) >= len(parts):
                raise ValueError(
                    f"the network's state has {key!r}, allowed: {len(parts)} positions"
                )
            parts[int(number)][name] = array
        for part, own in zip(self._parts, parts, strict=True):
            part.restore(own)
