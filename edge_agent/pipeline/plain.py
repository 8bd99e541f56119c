"""What may stand in for a network: rules so plain that nothing has to be fitted or loaded.

They are what a network has to beat, and what ships where none does.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

PlainFamily = Literal["none", "persistence", "moving_z"]
FAMILIES: tuple[str, ...] = get_args(PlainFamily)

_LEAST_DEVIATION = 0.05  # of the healthy spread: vectors that stand still are not infinitely sure


class PlainPredictor:
    """Residuals of one asset's vectors against a plain expectation.

    ``none`` expects the healthy location, which is 0 in scaled vectors: the residual is the scaled
    vector itself, of the first one already. ``persistence`` expects the vector before.
    ``moving_z`` expects the mean of the last ``length`` vectors, and tells the residual in their
    standard deviations, at least 0.05 of a scaled unit.
    """

    def __init__(self, family: str, targets: tuple[int, ...], length: int) -> None:
        """Begin with an empty history of ``length`` vectors, of which ``targets`` are kept."""
        self._family = family
        self._targets = np.array(targets, dtype=np.intp)
        self._length = 0 if family == "none" else length
        self._rows = np.zeros((0, len(targets)), dtype=np.float32)

    def push(
        self, scaled: NDArray[np.float32], seen: NDArray[np.float32]
    ) -> NDArray[np.float32] | None:
        """See pipeline.predictor.Predictor."""
        came = scaled[self._targets]
        if self._length == 0:
            return came[None]
        residual = None
        if len(self._rows) == self._length:
            residual = came - self._rows.mean(axis=0)
            if self._family == "moving_z":
                residual = residual / np.maximum(self._rows.std(axis=0), _LEAST_DEVIATION)
        self._rows = np.concatenate((self._rows, seen[self._targets][None]))[-self._length :]
        return None if residual is None else residual[None].astype(np.float32, copy=False)

    def state(self) -> dict[str, NDArray[np.float32]]:
        """See pipeline.predictor.Predictor."""
        return {"rows": self._rows}

    def restore(self, state: dict[str, NDArray[np.float32]]) -> None:
        """See pipeline.predictor.Predictor."""
        found = {name: array.shape for name, array in state.items()}
        rows = min(len(state.get("rows", ())), self._length)
        if found != {"rows": (rows, len(self._targets))} or state["rows"].dtype != np.float32:
            raise ValueError(
                f"the detector's state has arrays of {found}, allowed: rows of float32, at most"
                f" {self._length} of {len(self._targets)}"
            )
        self._rows = state["rows"]
