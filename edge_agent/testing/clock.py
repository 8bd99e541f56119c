"""Time stamps of consecutive blocks against each other, the rate, and the clock they are of."""

import statistics
import time
from collections.abc import Sequence
from itertools import pairwise

from edge_agent.plugin import Block, SensorInfo
from edge_agent.testing.conformance import ConformanceError

NEVER_BACKWARDS = "time never runs backwards"
MATCHES_RATE = "time stamps advance by the number of samples over the rate"
IS_BOOT_TIME = "start_ns is CLOCK_BOOTTIME, or info says clock='source'"
MATCHES_PERIOD = "bursts do not follow each other faster than the period"

# Block stamps taken on the host jitter by milliseconds, on a busy one by more now and then; a wrong
# unit or rate shows in every block, and a block that was lost in a whole one's length.
RATE_TOLERANCE = 0.05
LATE_BLOCKS = 0.5
EARLY_S = 1.0
LATE_S = 3600.0
JITTER_S = 0.02
PERIOD_TOLERANCE = 0.5

_NS = 1e9


def check_now(block: Block, info: SensorInfo) -> Block:
    """Check of a block that has just come that its samples were taken not long ago.

    Raises:
        ConformanceError: by CLOCK_BOOTTIME they lie ahead, or more than an hour back.
    """
    if info.clock == "boot":
        lasting_s = 0.0 if info.rate_hz is None else len(block.samples) / info.rate_hz
        now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        ahead_s = block.start_ns / _NS + lasting_s / (1 + RATE_TOLERANCE) - now_s
        if not -LATE_S <= ahead_s <= EARLY_S:
            raise ConformanceError(
                IS_BOOT_TIME, f"start_ns is {block.start_ns}, the block ends {ahead_s:.6g} s ahead"
            )
    return block


def check_clock(blocks: Sequence[Block], info: SensorInfo) -> None:
    """Check the order of ``blocks`` and, where a rate is stated, that they advance at it.

    Raises:
        ConformanceError: a block starts at or before the one before it, the stamps imply
            another rate or period, or a block is missing without ``gap_before``.
    """
    off_s: list[float] = []
    allowed_s: list[float] = []
    for number, (before, after) in enumerate(pairwise(blocks), 1):
        step_s = (after.start_ns - before.start_ns) / _NS
        if step_s <= 0:
            raise ConformanceError(
                NEVER_BACKWARDS, f"block {number} starts {step_s} s after block {number - 1}"
            )
        if info.period_s is not None:
            _check_period(number, step_s, info.period_s)
        elif info.rate_hz is not None and not after.gap_before:
            lasting_s = len(before.samples) / info.rate_hz
            off_s.append(step_s - lasting_s)
            allowed_s.append(RATE_TOLERANCE * lasting_s + JITTER_S)
            _check_step(number, step_s, lasting_s, len(before.samples), info.rate_hz)
    if off_s and abs(statistics.median(off_s)) > statistics.median(allowed_s):
        raise ConformanceError(
            MATCHES_RATE,
            f"blocks start {statistics.median(off_s):+.6g} s off what their samples last at "
            f"{info.rate_hz} Hz (median of {len(off_s)})",
        )


def _check_period(number: int, step_s: float, period_s: float) -> None:
    if step_s < PERIOD_TOLERANCE * period_s:
        raise ConformanceError(
            MATCHES_PERIOD,
            f"block {number} starts {step_s} s after block {number - 1}, "
            f"the period is {period_s} s",
        )


def _check_step(number: int, step_s: float, lasting_s: float, length: int, rate_hz: float) -> None:
    if abs(step_s - lasting_s) > LATE_BLOCKS * lasting_s + JITTER_S:
        raise ConformanceError(
            MATCHES_RATE,
            f"block {number} starts {step_s} s after block {number - 1}, whose {length} samples "
            f"last {lasting_s} s at {rate_hz} Hz, and gap_before is not set",
        )
