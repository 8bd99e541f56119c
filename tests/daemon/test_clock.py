import logging
import time

import pytest

from edge_agent.daemon import clock
from edge_agent.daemon.clock import WallClock

HOUR_NS = 3600 * 10**9


class Set:
    """A wall clock that can be set."""

    def __init__(self) -> None:
        self.by_ns = 0

    def time_ns(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_REALTIME) + self.by_ns


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Set:
    wall = Set()
    monkeypatch.setattr("edge_agent.daemon.clock.time.time_ns", wall.time_ns)
    return wall


def test_the_offset_stays_the_same_to_the_nanosecond_while_nobody_sets_the_clock() -> None:
    wall_clock = WallClock()
    assert len({wall_clock.utc_offset_ns() for _ in range(1000)}) == 1
    assert wall_clock.step is None


@pytest.mark.parametrize("by_ns", [HOUR_NS, -HOUR_NS, 8766 * HOUR_NS, -8766 * HOUR_NS])
def test_a_step_is_noted_with_how_much(
    wall: Set, by_ns: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    wall_clock = WallClock()
    before_ns = wall_clock.utc_offset_ns()
    wall.by_ns = by_ns
    assert wall_clock.utc_offset_ns() - before_ns == pytest.approx(by_ns, abs=10**7)
    assert wall_clock.step is not None
    assert wall_clock.step.by_s == pytest.approx(by_ns / 1e9, abs=0.01)
    assert wall_clock.step.count == 1
    wall_clock.utc_offset_ns()
    (said,) = (record.getMessage() for record in caplog.records)
    assert f"was set {'forward' if by_ns > 0 else 'back'} by {abs(by_ns) / 1e9:g} s" in said
    wall.by_ns = 0
    wall_clock.utc_offset_ns()
    assert wall_clock.step.count == 2


def test_what_two_clocks_read_in_turn_differ_by_is_no_step(wall: Set) -> None:
    wall_clock = WallClock()
    wall.by_ns = clock._STEP_NS // 2  # noqa: SLF001
    wall_clock.utc_offset_ns()
    assert wall_clock.step is None
