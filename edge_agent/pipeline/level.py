"""The plain detector beside the network: has the machine become louder than when it was healthy?

Much of what fails gets loud. The score is the largest over the channels of
smoothed (ln level - healthy location) / healthy scale; only a rise counts.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.alarm import AlarmSpec


class LevelSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The level detector's parameters.

    Attributes:
        features: indices of the level features in the vector, one per channel.
        location: healthy location of each level.
        scale: healthy scale of each level, above 0.
        cap: one window counts at most this many scales up or down, so that a single knock
            cannot hold the average up; None: as it is.
        alpha: weight of the newest value in its moving average.
        threshold: of the score.
        alarm: its alarm rule.
    """

    features: tuple[int, ...]
    location: tuple[float, ...]
    scale: tuple[float, ...]
    cap: float | None
    alpha: float
    threshold: float
    alarm: AlarmSpec

    def __post_init__(self) -> None:
        """Refuse what cannot be scored. Raises ValueError."""
        if not 1 <= len(self.features) == len(self.location) == len(self.scale):
            raise ValueError("level.features, location and scale are empty or differ in length")
        if not all(np.isfinite(s) and s > 0.0 for s in self.scale):
            raise ValueError("level.scale holds a value that is not above 0")
        if self.cap is not None and not self.cap > 0.0:
            raise ValueError(f"level.cap is {self.cap}, allowed: above 0, or null")
        if not 0.0 < self.alpha <= 1.0:
            raise ValueError(f"level.alpha is {self.alpha}, allowed: above 0, at most 1")
        if not (np.isfinite(self.threshold) and self.threshold > 0.0):
            raise ValueError(f"level.threshold is {self.threshold}, allowed: above 0")


class LevelDetector:
    """Scores one asset's level."""

    def __init__(self, spec: LevelSpec) -> None:
        """Begin at the healthy level."""
        self._spec = spec
        self._columns = np.array(spec.features, dtype=np.intp)
        self._location = np.array(spec.location)
        self._scale = np.array(spec.scale)
        self.smoothed: NDArray[np.float64] = np.zeros(len(spec.features))

    def push(self, vector: NDArray[np.float32]) -> tuple[float, int]:
        """Take a vector, float32 (F,); return (score, index of the loudest level feature)."""
        level = levels(vector[self._columns])
        z = (level - self._location) / self._scale
        if self._spec.cap is not None:
            z = np.clip(z, -self._spec.cap, self._spec.cap)
        self.smoothed = self.smoothed + self._spec.alpha * (z - self.smoothed)
        loudest = int(np.argmax(self.smoothed))
        return float(self.smoothed[loudest]), self._spec.features[loudest]

    def restore(self, smoothed: NDArray[np.floating[Any]]) -> None:
        """Continue from ``smoothed`` of a detector of the same channels.

        Raises:
            ValueError: other channels.
        """
        if smoothed.shape != self.smoothed.shape:
            raise ValueError("state of another bundle, whose level detector has other channels")
        self.smoothed = smoothed.astype(np.float64)


def levels(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return ln |x|, float64, of ``values`` of any shape; finite also where x is 0."""
    found: NDArray[np.float64] = np.log(np.maximum(np.abs(values.astype(np.float64)), 1e-12))
    return found
