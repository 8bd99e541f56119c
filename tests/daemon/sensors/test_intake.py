import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.daemon.clock import WallClock
from edge_agent.daemon.sensors.intake import Intake
from edge_agent.daemon.sensors.samples import LARGEST_BYTES
from edge_agent.plugin import Block, SensorError, SensorInfo

RATE_HZ = 1000.0
LENGTH = 100
STEP_NS = 100_000_000
SOURCE = SensorInfo(("x", "y"), RATE_HZ, "g", clock="source")
LIVE = dataclasses.replace(SOURCE, clock="boot")


@pytest.fixture(scope="module")
def clock() -> WallClock:
    return WallClock()


def block(start_ns: int = 0, length: int = LENGTH, **other: Any) -> Block:
    samples = other.pop("samples", np.ones((length, 2), np.float32))
    return dataclasses.replace(Block(samples, start_ns, RATE_HZ, "g", ("x", "y")), **other)


def with_one(value: float) -> np.ndarray[Any, Any]:
    samples = np.ones((LENGTH, 2), np.float32)
    samples[7, 1] = value
    return samples


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([1.0, 2.0], "list; allowed: a Block"),
        (block(samples=np.ones((LENGTH, 2))), r"samples of float64, \(100, 2\); allowed: float32"),
        (block(samples=np.ones(LENGTH, np.float32)), r"allowed: float32, \(n, 2\)"),
        (block(samples=np.ones((LENGTH, 3), np.float32)), r"allowed: float32, \(n, 2\)"),
        (block(samples=[[1.0, 2.0]]), r"samples of list, no shape"),
        (block(samples=np.ones((0, 2), np.float32)), r"\(0, 2\)"),
        (
            block(samples=np.ones((LARGEST_BYTES // 8 + 1, 2), np.float32)),
            "a block of 33554440 bytes",
        ),
        (block(samples=with_one(np.nan)), "nan in channel y; allowed: finite samples"),
        (block(samples=with_one(np.inf)), "inf in channel y"),
        (block(rate_hz=500.0), "rate_hz 500.0; allowed: 1000.0 as info says"),
        (block(unit="V"), "unit 'V'"),
        (block(channels=("x", "z")), "channels"),
        (block(start_ns=1.5), "start_ns 1.5; allowed: nanoseconds"),  # type: ignore[arg-type]
        (block(start_ns=1 << 64), "start_ns"),
    ],
)
def test_what_breaks_the_interface_is_the_plugins_failure(
    clock: WallClock, found: Any, said: str
) -> None:
    with pytest.raises(SensorError, match=said):
        Intake(SOURCE, clock).take(found)


def test_of_features_a_number_may_be_missing(clock: WallClock) -> None:
    missing = block(samples=with_one(np.nan))
    assert Intake(SOURCE, clock, samples=False).take(missing).samples is missing.samples


@pytest.mark.parametrize("step_ns", [0, -1, -3600 * 10**9])
def test_time_that_runs_backwards_is_the_plugins_failure(clock: WallClock, step_ns: int) -> None:
    intake = Intake(SOURCE, clock)
    intake.take(block(10**18))
    with pytest.raises(SensorError, match="before the last; allowed: time running on"):
        intake.take(block(10**18 + step_ns))


def test_a_recording_may_start_over_where_it_says_so(clock: WallClock) -> None:
    intake = Intake(SOURCE, clock)
    intake.take(block(10**18))
    assert intake.take(block(0, gap_before=True)).gap_before


def test_samples_of_the_future_are_the_plugins_failure(clock: WallClock) -> None:
    now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    Intake(LIVE, clock).take(block(now_ns - STEP_NS))
    with pytest.raises(SensorError, match="s ahead of CLOCK_BOOTTIME"):
        Intake(LIVE, clock).take(block(time.time_ns()))


def test_a_flood_runs_ahead_of_the_clock_and_is_stopped(clock: WallClock) -> None:
    intake, now_ns = Intake(LIVE, clock), time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    with pytest.raises(SensorError, match="ahead of CLOCK_BOOTTIME"):  # noqa: PT012
        for i in range(100):
            intake.take(block(now_ns + i * STEP_NS))


def test_another_rate_than_stated_is_found_by_the_times(clock: WallClock) -> None:
    intake = Intake(SOURCE, clock)
    with pytest.raises(SensorError, match="samples at 500 Hz by their times, 10 blocks in a row"):  # noqa: PT012
        for i in range(20):
            intake.take(block(2 * i * STEP_NS))


def test_a_disturbed_device_and_stated_gaps_are_no_other_rate(clock: WallClock) -> None:
    intake = Intake(SOURCE, clock)
    start_ns = 0
    for i in range(40):
        start_ns += STEP_NS * (3 if i % 8 == 0 else 1)
        intake.take(block(start_ns))
    for i in range(40):
        intake.take(block(start_ns + 5 * (i + 1) * STEP_NS, gap_before=True))


def test_live_samples_get_wall_time_and_recorded_ones_have_it(clock: WallClock) -> None:
    now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    live = Intake(LIVE, clock).take(block(now_ns - STEP_NS))
    assert live.start_ns == now_ns - STEP_NS
    assert live.utc_ns == pytest.approx(time.time_ns() - STEP_NS, abs=10**8)
    assert Intake(SOURCE, clock).take(block(17, utc_offset_ns=5)).utc_ns == 17


def test_the_clock_names_the_boot(tmp_path: Path) -> None:
    (tmp_path / "boot_id").write_text("b-1\n")
    clock = WallClock(tmp_path / "boot_id")
    assert (clock.name("boot"), clock.name("source")) == ("b-1", "source")
