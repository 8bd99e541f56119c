"""What an asset was like when it was healthy: ranges of its features, its usual spectrum.

An alarm says that something has changed; this says from what. It is learned from windows that
were calm, once, and kept: what follows a slow change would hide it.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.compact import Waveform
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.state import Array, pack, unpack

WINDOWS = 256  # that are learned from
# There is soon something to compare with, hours tell more than seconds, and fifty assets that begin
# together must not keep the processor from scoring.
AT_ONCE = 8
EAGER, EAGER_NS = 64, 2_000_000_000  # up to so many, from one to the next
SPACING_NS = 60_000_000_000  # after those
_RANGES_EVERY = 8  # windows: percentiles cost more than all else
_LOW, _HIGH = 5.0, 95.0  # percentiles that bound the usual range


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What one window gives.

    Attributes:
        values: float32 (names,); NaN where a number is missing.
        levels_db: of the bands, float64 (channels, bands); None where the rate is unknown.
        lines: of each spectrum with fault lines, float32 (channels, n).
        waveforms: of each channel; empty: that of an earlier window will do.
    """

    values: NDArray[np.float32]
    levels_db: NDArray[np.float64] | None
    lines: tuple[NDArray[np.float32], ...]
    waveforms: tuple[Waveform, ...]


class Healthy(msgspec.Struct, frozen=True, kw_only=True):
    """What has been learned so far; small, and the same size however long that took.

    Attributes:
        names: of the values: the features, and the velocities that a limit is held against.
        windows: that were learned from.
        first_ns: start of the first of them, UTC nanoseconds since the Unix epoch.
        last_ns: start of the last.
        values: float32 (windows, names) while there are fewer than WINDOWS, else (0, names).
        ranges: 5th percentile, median and 95th, float32 (3, names), of all but the last few.
        levels_db: mean level of each band, float64 (channels, bands).
        spread_db: standard deviation of each, likewise.
        lines: mean amplitudes of each spectrum with fault lines.
        waveforms: of one of the last windows, one per channel.
    """

    names: tuple[str, ...]
    windows: int
    first_ns: int
    last_ns: int
    values: Array
    ranges: Array
    levels_db: Array | None
    spread_db: Array | None
    lines: tuple[Array, ...]
    waveforms: tuple[Waveform, ...]

    @property
    def is_complete(self) -> bool:
        """Nothing more is to be learned."""
        return self.windows >= WINDOWS

    def is_due(self, start_ns: int) -> bool:
        """Say whether a calm window that begins at ``start_ns`` is to be learned from."""
        if self.is_complete:
            return False
        if self.windows < AT_ONCE:
            return True
        # Also where the clock was set back.
        return abs(start_ns - self.last_ns) >= (EAGER_NS if self.windows < EAGER else SPACING_NS)


def is_calm(result: WindowResult) -> bool:
    """Say whether a window may be taken as healthy: judged so, or part of the commissioning."""
    if result.vector is None or result.anomaly or result.clipped or result.gap:
        return False
    if result.reason == "commissioning":
        return True
    if result.score is None or result.score > result.threshold:
        return False
    level, level_threshold = result.level_score, result.level_threshold
    return level is None or level_threshold is None or level <= level_threshold


def learned(
    before: Healthy | None, names: tuple[str, ...], measured: Measured, start_ns: int
) -> Healthy:
    """Return what is known after one more calm window.

    Args:
        before: None, or of the same names, bands and channels.
        names: of the values.
        measured: what the window gives.
        start_ns: when it began, UTC nanoseconds since the Unix epoch.
    """
    n = 1 if before is None else before.windows + 1
    row = measured.values[None]
    values = row if before is None else np.concatenate((unpack(before.values), row))
    values = values.astype(np.float32)
    levels, spread = _running(before, measured.levels_db, n)
    lines = measured.lines
    if before is not None:
        lines = tuple(
            mean + (new - mean) / np.float32(n)
            for mean, new in zip(map(unpack, before.lines), lines, strict=True)
        )
    return Healthy(
        names=names,
        windows=n,
        first_ns=start_ns if before is None else before.first_ns,
        last_ns=start_ns,
        values=pack(values if n < WINDOWS else values[:0]),
        ranges=pack(_ranges(values)) if before is None or _is_due(n) else before.ranges,
        levels_db=None if levels is None else pack(levels),
        spread_db=None if spread is None else pack(spread),
        lines=tuple(pack(part.astype(np.float32)) for part in lines),
        waveforms=measured.waveforms or (() if before is None else before.waveforms),
    )


def _is_due(n: int) -> bool:
    return n <= AT_ONCE or n % _RANGES_EVERY == 0


def _ranges(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return percentiles of each column, NaN for a column without any number."""
    ranges = np.full((3, values.shape[1]), np.nan, np.float32)
    finite = np.isfinite(values)
    whole = finite.all(axis=0)
    if whole.any():
        ranges[:, whole] = np.percentile(values[:, whole], (_LOW, 50.0, _HIGH), axis=0)
    for column in np.flatnonzero(finite.any(axis=0) & ~whole):
        known = values[finite[:, column], column]
        ranges[:, column] = np.percentile(known, (_LOW, 50.0, _HIGH))
    return ranges


def _running(
    before: Healthy | None, new: NDArray[np.float64] | None, n: int
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Return mean and standard deviation with one more row (Welford, Technometrics 4, 1962)."""
    if new is None:
        return None, None
    if before is None or before.levels_db is None or before.spread_db is None:
        return new, np.zeros_like(new)
    mean, deviation = unpack(before.levels_db), unpack(before.spread_db)
    moved = new - mean
    after = mean + moved / n
    variance = (deviation**2 * (n - 1) + moved * (new - after)) / n
    return after, np.sqrt(variance)
