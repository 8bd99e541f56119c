"""A machine that stands still is not an anomaly: idle windows are marked, not scored.

Only a level below the idle level gates; a rising level never does. Gating is limited in time, so
that a sensor that has fallen off the machine is not taken for a machine at rest for ever.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

_NS = 1_000_000_000
_LARGEST = float(np.finfo(np.float32).max)


class GateSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a window counts as idle.

    Attributes:
        features: indices of the level features (one per channel) in the vector.
        idle_levels: idle where every one of them is below its own, in the samples' unit.
        limit_s: after that many seconds of unbroken idling windows are scored again.
    """

    features: tuple[int, ...]
    idle_levels: tuple[float, ...]
    limit_s: float

    def __post_init__(self) -> None:
        """Refuse what would gate always or never. Raises ValueError."""
        if not 1 <= len(self.features) == len(self.idle_levels):
            raise ValueError(
                f"gate.features and gate.idle_levels have {len(self.features)} and"
                f" {len(self.idle_levels)} entries, allowed: at least one, as many of each"
            )
        if not all(abs(level) <= _LARGEST for level in self.idle_levels):
            raise ValueError("gate.idle_levels holds a number that does not fit float32")
        if not self.limit_s >= 0.0:
            raise ValueError(f"gate.limit_s is {self.limit_s}, allowed: 0 or more")


class Gate:
    """Says of each vector whether the machine stood still."""

    def __init__(self, spec: GateSpec | None) -> None:
        """Without a spec (no level feature in the input) nothing is ever gated."""
        self._spec = spec
        self._columns = np.array(spec.features if spec else (), dtype=np.intp)
        self._idle_levels = np.array(spec.idle_levels if spec else (), dtype=np.float32)
        self.idle_since_ns: int | None = None

    def is_idle(self, vector: NDArray[np.float32], steady_ns: int) -> bool:
        """Return whether ``vector``, float32 (F,), is of a machine at rest.

        ``steady_ns`` is when its window began, on a clock that nobody sets: an hour that the
        wall clock was set forward is no hour of idling.
        """
        if self._spec is None or not bool(
            (np.abs(vector[self._columns]) < self._idle_levels).all()
        ):
            self.idle_since_ns = None
            return False
        if self.idle_since_ns is None or steady_ns < self.idle_since_ns:  # or a recording's seam
            self.idle_since_ns = steady_ns
        return steady_ns - self.idle_since_ns <= self._spec.limit_s * _NS
