"""Start times and gaps, from the device's time stamps or from counting samples.

Times are of CLOCK_BOOTTIME, which nobody sets and which goes on while the machine sleeps.
"""

import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_NS = 1_000_000_000
_STEP_NS = 50_000_000
_GAIN = 0.1


class BootOffset:
    """What to add to a device clock to get CLOCK_BOOTTIME.

    The offset is kept until somebody sets the device's clock, or the machine has slept, so that
    stamps never jitter.
    """

    def __init__(self, clock: int) -> None:
        """Take ``clock``, one of ``time.CLOCK_...``, as the device's."""
        self._clock = clock
        self._offset_ns = self._measure()

    def boot_ns(self, stamp_ns: int) -> int:
        """Return the device's ``stamp_ns`` as CLOCK_BOOTTIME, in nanoseconds."""
        measured = self._measure()
        if abs(measured - self._offset_ns) > _STEP_NS:
            self._offset_ns = measured
        return stamp_ns + self._offset_ns

    def _measure(self) -> int:
        if self._clock == time.CLOCK_BOOTTIME:
            return 0
        return _now_ns() - time.clock_gettime_ns(self._clock)


@dataclass(frozen=True, slots=True)
class Run:
    """The first pending scans that follow each other without a gap.

    Attributes:
        length: how many.
        start_ns: time of the first, CLOCK_BOOTTIME in nanoseconds.
        gap: scans are missing before it.
    """

    length: int
    start_ns: int
    gap: bool


class Pacer(Protocol):
    """Finds the first run among pending scans."""

    def run(self, stamps: NDArray[np.integer[Any]] | None, count: int) -> Run:
        """Return the first run and take it as read.

        Args:
            stamps: (count,) in ns of the device's clock, or None where it has none.
            count: pending scans, at least 1.
        """


class StampedPacer:
    """A device that stamps each scan."""

    def __init__(self, rate_hz: float, gap_periods: float, offset: BootOffset) -> None:
        """Take a step of more than ``gap_periods`` sampling periods for a gap."""
        self._limit_ns = gap_periods * _NS / rate_hz
        self._offset = offset
        self._last_ns: int | None = None

    def run(self, stamps: NDArray[np.integer[Any]] | None, count: int) -> Run:
        """See Pacer; needs ``stamps``."""
        if stamps is None or len(stamps) != count:
            raise ValueError(f"found {stamps!r}, want {count} stamps")
        first = int(stamps[0])
        gap = self._last_ns is not None and self._is_gap(first - self._last_ns)
        steps = np.diff(stamps.astype(np.int64))
        jumps = np.flatnonzero((steps > self._limit_ns) | (steps < 0))
        length = int(jumps[0]) + 1 if len(jumps) else count
        self._last_ns = int(stamps[length - 1])
        return Run(length, self._offset.boot_ns(first), gap)

    def _is_gap(self, step_ns: int) -> bool:
        return step_ns > self._limit_ns or step_ns < 0


class CountedPacer:
    """A device without stamps: samples are counted from the moment the buffer was enabled.

    The count is pulled towards the host's clock with a gain of 0.1 per block, which follows a
    device whose rate is off by some percent without taking over the jitter of reading. The
    kernel's buffer certainly overran when nobody read for longer than it holds.
    """

    def __init__(self, rate_hz: float, buffer_length: int) -> None:
        """Start to count now."""
        self._period_ns = _NS / rate_hz
        self._held_ns = buffer_length * self._period_ns
        self._read_ns = _now_ns()
        self._next_ns: float = self._read_ns

    def run(self, stamps: NDArray[np.integer[Any]] | None, count: int) -> Run:
        """See Pacer; ``stamps`` are not looked at."""
        del stamps
        now_ns = _now_ns()
        by_host_ns = now_ns - count * self._period_ns
        gap = now_ns - self._read_ns > self._held_ns
        start_ns = by_host_ns if gap else self._next_ns + _GAIN * (by_host_ns - self._next_ns)
        self._read_ns = now_ns
        self._next_ns = start_ns + count * self._period_ns
        return Run(count, round(start_ns), gap)


def _now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
