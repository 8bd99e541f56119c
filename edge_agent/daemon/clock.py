"""The two clocks: one that nobody sets, by which windows follow each other, and wall time.

CLOCK_BOOTTIME counts from the machine's start, also while it sleeps. What has to be added to it
for UTC changes only when somebody sets the clock: so a step is seen as a change of that offset.
"""

import logging
import threading
import time
from pathlib import Path
from typing import Literal

import msgspec

from edge_agent.bundle.times import rfc3339
from edge_agent.plugin import Clock

TimeQuality = Literal["synchronised", "unsynchronised", "unknown"]

_log = logging.getLogger(__name__)

_TIMESYNC = Path("/run/systemd/timesync")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STEP_NS = 50_000_000  # less is what reading two clocks one after the other may be off by
_ATTEMPTS = 3
_SOURCE = "source"


def time_quality(timesync: Path = _TIMESYNC) -> TimeQuality:
    """Say whether the clock follows a time server, as far as systemd-timesyncd tells.

    Another time service (chrony, ntpd, PTP) leaves no mark that can be read without its client:
    then the quality is unknown, not bad.
    """
    if (timesync / "synchronized").exists():
        return "synchronised"
    return "unsynchronised" if timesync.is_dir() else "unknown"


def boot_ns() -> int:
    """Return nanoseconds since the machine's start, time asleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class ClockStep(msgspec.Struct, frozen=True, kw_only=True):
    """The wall clock was set.

    Attributes:
        at: when, by the new time.
        by_s: seconds, above 0 where it was set forward.
        count: how often in this run of the agent, this time included.
    """

    at: str
    by_s: float
    count: int


class WallClock:
    """Tells UTC of the clock that nobody sets; may be asked from any thread.

    Attributes:
        boot_id: of this run of the machine: CLOCK_BOOTTIME means nothing in another.
        step: the last one, None where there was none since the agent's start.
    """

    def __init__(self, boot_id_file: Path = _BOOT_ID) -> None:
        """Take the clock as it is set now."""
        self.boot_id = boot_id_file.read_text().strip()
        self.step: ClockStep | None = None
        self._lock = threading.Lock()
        self._offset_ns = _measure()

    def utc_offset_ns(self) -> int:
        """Return what to add to CLOCK_BOOTTIME for UTC; the same until somebody sets the clock."""
        measured_ns = _measure()
        with self._lock:
            by_ns = measured_ns - self._offset_ns
            if abs(by_ns) > _STEP_NS:
                self._note(by_ns)
                self._offset_ns = measured_ns
            return self._offset_ns

    def name(self, clock: Clock) -> str:
        """Return a name of what a sensor's ``clock`` counts: equal names, comparable times."""
        return self.boot_id if clock == "boot" else _SOURCE

    def _note(self, by_ns: int) -> None:
        count = 1 if self.step is None else self.step.count + 1
        by_s = round(by_ns / 1e9, 3)
        now_ns = time.time_ns()
        self.step = ClockStep(at=rfc3339(now_ns), by_s=by_s, count=count)
        _log.warning(
            "the clock was set %s by %g s, to %s: windows go on unbroken",
            "forward" if by_ns > 0 else "back",
            abs(by_s),
            rfc3339(now_ns),
        )


def _measure() -> int:
    """Return UTC - CLOCK_BOOTTIME in nanoseconds; of some attempts the least disturbed."""
    found = []
    for _ in range(_ATTEMPTS):
        before_ns = boot_ns()
        utc_ns = time.time_ns()
        after_ns = boot_ns()
        found.append((after_ns - before_ns, utc_ns - (before_ns + after_ns) // 2))
    return min(found)[1]
