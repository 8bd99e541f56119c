"""What a machine always does at this hour of the day or week is taken off its features.

A feature keeps its unit and its usual size: what is left is how it would be if every hour were the
usual one. No clock is read, the window says when it began.
"""

from typing import Literal, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

Period = Literal["day", "week"]
Mode = Literal["ratio", "difference"]
Times = TypeVar("Times", int, NDArray[np.int64])

DAY_S = 86_400
_NS = 1_000_000_000
_THURSDAY = 3  # 1970-01-01 was one; a week begins on Monday, weekday 0


class SeasonSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is usual at which time.

    Attributes:
        period: after which the profile begins again: at midnight, or at midnight before Monday.
        bin_s: seconds for which one number of the profile holds; divides a day.
        utc_offset_s: local time minus UTC; summer time is not followed.
        features: indices of the features that have a season, each once; others stay as they are.
        mode: for each of them: divided by the profile (``ratio``), or less it (``difference``).
        profile: for each of them one number per bin, from the period's beginning on; a ratio is
            relative to the usual size (around 1), a difference to it (around 0).
    """

    period: Period
    bin_s: int
    utc_offset_s: int = 0
    features: tuple[int, ...]
    mode: tuple[Mode, ...]
    profile: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        """Refuse a profile that leaves an hour out. Raises ValueError."""
        if not (0 < self.bin_s <= DAY_S and DAY_S % self.bin_s == 0):
            raise ValueError(f"season.bin_s is {self.bin_s}, allowed: what divides {DAY_S}")
        if not 1 <= len(self.features) == len(self.mode) == len(self.profile):
            raise ValueError("season.features, mode and profile are empty or differ in length")
        if len(set(self.features)) != len(self.features) or min(self.features) < 0:
            raise ValueError(f"season.features is {list(self.features)}, allowed: each index once")
        bins = bin_count(self.period, self.bin_s)
        for mode, numbers in zip(self.mode, self.profile, strict=True):
            if len(numbers) != bins or not np.isfinite(numbers).all():
                raise ValueError(
                    f"season.profile holds {len(numbers)} numbers, allowed: {bins}, all finite"
                )
            if mode == "ratio" and not min(numbers) > 0.0:
                raise ValueError("season.profile holds a ratio that is not above 0")


class Season:
    """Takes the season off one vector or many; carries no state."""

    def __init__(self, spec: SeasonSpec, n_features: int) -> None:
        """Prepare tables for vectors of ``n_features`` numbers.

        Raises:
            ValueError: the season is of a feature that the vectors do not have.
        """
        if max(spec.features) >= n_features:
            raise ValueError(
                f"season.features holds {max(spec.features)}, allowed: 0 to {n_features - 1}"
            )
        self._spec = spec
        bins = bin_count(spec.period, spec.bin_s)
        self._factor = np.ones((bins, n_features), dtype=np.float32)
        self._offset = np.zeros((bins, n_features), dtype=np.float32)
        for column, mode, numbers in zip(spec.features, spec.mode, spec.profile, strict=True):
            if mode == "ratio":
                self._factor[:, column] = 1.0 / np.array(numbers)
            else:
                self._offset[:, column] = numbers

    def remove(self, vectors: NDArray[np.float32], start_ns: Times) -> NDArray[np.float32]:
        """Return what is left, float32 of the same shape.

        Args:
            vectors: float32 (F,), or (n, F).
            start_ns: when the window began, UTC nanoseconds since the Unix epoch; int64 (n,) for
                many.
        """
        spec = self._spec
        number = bin_of(start_ns, spec.period, spec.bin_s, spec.utc_offset_s)
        left: NDArray[np.float32] = vectors * self._factor[number] - self._offset[number]
        return left


def bin_count(period: Period, bin_s: int) -> int:
    """Return how many bins a period has."""
    return (DAY_S if period == "day" else 7 * DAY_S) // bin_s


def bin_of(start_ns: Times, period: Period, bin_s: int, utc_offset_s: int) -> Times:
    """Return the number of the bin, from 0, that UTC nanoseconds ``start_ns`` fall into."""
    second = start_ns // _NS + utc_offset_s
    if period == "day":
        return second % DAY_S // bin_s
    return (second + _THURSDAY * DAY_S) % (7 * DAY_S) // bin_s
