"""Feature vectors become numbers of comparable size, by the healthy period's location and scale."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

Transform = Literal["identity", "log"]

_TINY = np.float32(1e-12)  # far below a sensor's noise in any unit; keeps the logarithm finite
_LARGEST = float(np.finfo(np.float32).max)
_FARTHEST = np.float32(1e6)  # farther is no more telling, and squares must not overflow


class ScalerSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """z = (y - offset) / scale for each feature, y = f(x + shift) - power * y[reference].

    z beyond +-1e6 is taken as that.

    Attributes:
        kind: how offset and scale were chosen: ``standard`` (mean, standard deviation), ``min_max``
            (minimum, span) or ``robust`` (median and quantile ranges).
        transform: f for each feature; ``log`` is ln max(x, 1e-12).
        shift: added before f, such as 3 to excess kurtosis; empty: nothing.
        reference: index of the feature whose y is taken off, such as the channel's rms, so that
            the others tell the shape and it alone the level; empty: none.
        power: how many times; 0 where a feature has no reference.
        offset: in units of y.
        scale: in units of y, above 0.
        input_clip: the network sees z clipped to +- this, so that it cannot follow a drift out of
            the healthy range; errors are taken against z itself. None: it sees z.
    """

    kind: Literal["standard", "min_max", "robust"]
    transform: tuple[Transform, ...]
    offset: tuple[float, ...]
    scale: tuple[float, ...]
    input_clip: float | None = None
    shift: tuple[float, ...] = ()
    reference: tuple[int, ...] = ()
    power: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not fit together. Raises ValueError."""
        n = len(self.transform)
        if not n == len(self.offset) == len(self.scale):
            raise ValueError("scaler.transform, scaler.offset and scaler.scale differ in length")
        if {len(self.shift), len(self.reference), len(self.power)} not in ({0}, {n}):
            raise ValueError(f"scaler.shift, reference, power: allowed are none or {n} of each")
        if any(not 0 <= i < n for i in self.reference):
            raise ValueError(f"scaler.reference holds an index outside 0..{n - 1}")
        if not all(np.isfinite(s) and s > 0 for s in self.scale):
            raise ValueError("scaler.scale holds a value that is not above 0")
        numbers = (*self.offset, *self.shift, *self.power, *(1.0 / s for s in self.scale))
        if not all(abs(number) <= _LARGEST for number in numbers):
            raise ValueError(
                "scaler.offset, shift, power or 1 / scale holds a number that does not fit float32"
            )
        if self.input_clip is not None and not self.input_clip > 0.0:
            raise ValueError(f"scaler.input_clip is {self.input_clip}, allowed: above 0, or null")


class Scaler:
    """Applies a scaler spec to one vector or to many."""

    def __init__(self, spec: ScalerSpec) -> None:
        """Prepare arrays once."""
        self._log = np.array([t == "log" for t in spec.transform])
        self._any_log = bool(self._log.any())
        self._offset = np.array(spec.offset, dtype=np.float32)
        self._inverse = (1.0 / np.array(spec.scale)).astype(np.float32)
        self._clip = spec.input_clip
        self._relative = bool(spec.reference)
        self._shift = np.array(spec.shift, dtype=np.float32)
        self._reference = np.array(spec.reference, dtype=np.intp)
        self._power = np.array(spec.power, dtype=np.float32)

    def scale(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return z, float32, of the same shape (..., F)."""
        y = vectors + self._shift if self._relative else vectors
        if self._any_log:
            y = np.where(self._log, np.log(np.maximum(y, _TINY)), y)
        with np.errstate(over="ignore"):
            if self._relative:
                y = y - self._power * y[..., self._reference]
            z = (y - self._offset) * self._inverse
        return np.minimum(np.maximum(z, -_FARTHEST), _FARTHEST)

    def clip(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the network sees of z."""
        if self._clip is None:
            return scaled
        return np.clip(scaled, -self._clip, self._clip)
