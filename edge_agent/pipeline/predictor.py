"""What expects the next vector, whatever it is made of."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Predictor(Protocol):
    """Residuals of one asset's vectors, and the state that makes them."""

    def push(
        self, scaled: NDArray[np.float32], seen: NDArray[np.float32]
    ) -> NDArray[np.float32] | None:
        """Take the newest scaled vector and what the network may see of it, both float32 (F,).

        Returns residuals float32 (rows, targets), None while there is no prediction yet.
        """

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Everything that ``restore`` needs to continue bit for bit."""

    def restore(self, state: dict[str, NDArray[np.float32]]) -> None:
        """Continue from a ``state``. Raises ValueError where its arrays have other shapes."""
