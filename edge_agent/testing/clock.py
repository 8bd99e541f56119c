"""Time stamps of consecutive blocks against each other and against the rate."""

from collections.abc import Sequence
from itertools import pairwise

from edge_agent.plugin import Block, SensorInfo
from edge_agent.testing.conformance import ConformanceError

NEVER_BACKWARDS = "time never runs backwards"
MATCHES_RATE = "time stamps advance by the number of samples over the rate"
MATCHES_PERIOD = "bursts do not follow each other faster than the period"

# Block stamps taken on the host jitter by milliseconds; a wrong unit or rate is off by far more.
RATE_TOLERANCE = 0.05
JITTER_S = 0.02
PERIOD_TOLERANCE = 0.5

_NS = 1e9


def check_clock(blocks: Sequence[Block], info: SensorInfo) -> None:
    """Check the order of ``blocks`` and, where a rate is stated, that they advance at it.

    Raises:
        ConformanceError: a block starts at or before the one before it, or the stamps imply
            another rate or period.
    """
    for number, (before, after) in enumerate(pairwise(blocks), 1):
        step_s = (after.start_ns - before.start_ns) / _NS
        if step_s <= 0:
            raise ConformanceError(
                NEVER_BACKWARDS, f"block {number} starts {step_s} s after block {number - 1}"
            )
        if info.period_s is not None:
            _check_period(number, step_s, info.period_s)
        elif info.rate_hz is not None and not after.gap_before:
            _check_rate(number, step_s, len(before.samples), info.rate_hz)


def _check_period(number: int, step_s: float, period_s: float) -> None:
    if step_s < PERIOD_TOLERANCE * period_s:
        raise ConformanceError(
            MATCHES_PERIOD,
            f"block {number} starts {step_s} s after block {number - 1}, "
            f"the period is {period_s} s",
        )


def _check_rate(number: int, step_s: float, length: int, rate_hz: float) -> None:
    expected_s = length / rate_hz
    if abs(step_s - expected_s) > RATE_TOLERANCE * expected_s + JITTER_S:
        raise ConformanceError(
            MATCHES_RATE,
            f"block {number} starts {step_s} s after block {number - 1}, whose {length} samples "
            f"last {expected_s} s at {rate_hz} Hz, and gap_before is not set",
        )
