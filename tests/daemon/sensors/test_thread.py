import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from edge_agent.daemon.clock import WallClock
from edge_agent.daemon.config.settings import Asset, Isolation, OnFailure, SensorSettings
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.sensors import thread as sensors
from edge_agent.daemon.sensors.adapt import Adapter
from edge_agent.daemon.sensors.thread import HANDED_OVER_MAX, Change, Handover, SensorThread
from edge_agent.pipeline.block import InputSpec
from edge_agent.plugin import Block, SensorInfo

BENCH = Path(__file__).parents[2] / "bench"
NEEDED = InputSpec(
    kind="samples",
    channels=("x",),
    rate_hz=1024.0,
    unit="g",
    length=256,
    hop=256,
    period_s=None,
)


class Rig:
    """A sensor's thread with what it reports to."""

    def __init__(
        self,
        plugin: str,
        on_failure: OnFailure,
        options: dict[str, Any],
        isolation: Isolation,
        deadline_s: float,
    ) -> None:
        settings = SensorSettings(
            plugin=plugin,
            on_failure=on_failure,
            isolation=isolation,
            deadline_s=deadline_s,
            options=options,
        )
        asset = Asset(name="pump-1", bundle="b", sensor=settings)
        self.record = AssetRecord("pump-1", plugin)
        self.handover = Handover()
        self.given_up: list[str] = []
        self.came: list[Block] = []
        self.thread = SensorThread(
            0,
            asset,
            Adapter(asset, NEEDED),
            self.record,
            self.handover,
            WallClock(),
            self.given_up.append,
        )
        self.thread.start()

    def pump(self, until: Callable[[], bool], timeout_s: float = 60.0) -> bool:
        """Take what comes as the scoring loop does."""
        deadline_s = time.monotonic() + timeout_s
        while not until() and time.monotonic() < deadline_s:
            delivery = self.handover.get(0.02)
            if delivery is None:
                continue
            if isinstance(delivery.content, Change):
                self.record.enter(delivery.content.state, delivery.content.reason, time.monotonic())
            else:
                self.record.block_came(time.monotonic())
                self.came.append(delivery.content)
                self.thread.taken()
        return until()

    def blocks(self, n: int) -> list[Block]:
        self.pump(lambda: len(self.came) >= n)
        return self.came[:n]

    def ends_as(self, state: str) -> bool:
        return self.pump(lambda: self.record.state == state) and self.thread.join(60.0)


RigMaker = Any


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[RigMaker]:
    """``rig(plugin="bench", on_failure="retry", **options)``, with short waits."""
    monkeypatch.setattr(sensors, "FIRST_WAIT_S", 0.01)
    rigs: list[Rig] = []

    def make(
        plugin: str = "bench",
        on_failure: OnFailure = "retry",
        isolation: Isolation = "thread",
        deadline_s: float = 30.0,
        **options: Any,
    ) -> Rig:
        rigs.append(Rig(plugin, on_failure, options, isolation, deadline_s))
        return rigs[-1]

    yield make
    for made in rigs:
        made.thread.ask_to_stop()
        assert made.thread.join(60.0)


def test_blocks_come_in_order(rig: RigMaker) -> None:
    blocks = rig(interval_s=0.0, blocks=6).blocks(6)
    assert [b.start_ns for b in blocks] == sorted(b.start_ns for b in blocks)
    assert len(blocks) == 6


def test_the_end_of_the_data_is_no_failure(rig: RigMaker) -> None:
    one = rig(interval_s=0.0, blocks=1)
    assert one.ends_as("ended")
    assert len(one.came) == 1


def test_a_sensor_that_is_faster_than_the_scoring_waits(rig: RigMaker) -> None:
    fast = rig(interval_s=0.0, blocks=50)
    waiting = 0

    def come(within_s: float) -> int:
        nonlocal waiting
        delivery = fast.handover.get(within_s)
        waiting += delivery is not None and isinstance(delivery.content, Block)
        return waiting

    assert wait_until(lambda: come(0.05) == HANDED_OVER_MAX)
    assert come(0.3) == HANDED_OVER_MAX  # and no more


def test_a_sensor_that_fails_is_started_again_and_its_first_block_marked(rig: RigMaker) -> None:
    failing = rig(interval_s=0.0, fail_at=2)
    blocks = failing.blocks(4)
    assert [b.gap_before for b in blocks] == [False, False, True, False]
    assert failing.record.restarts >= 1  # it fails again while this is looked at


@pytest.mark.parametrize("how", ["crash_at", "exit_at", "wrong_dtype_at"])
def test_whatever_a_plugin_raises_is_its_own_failure(rig: RigMaker, how: str) -> None:
    crashing = rig(on_failure="ignore", interval_s=0.0, **{how: 1})
    assert len(crashing.blocks(1)) == 1
    assert crashing.ends_as("failed")
    assert crashing.record.reason is not None


def test_a_device_that_is_not_there_is_tried_again(rig: RigMaker) -> None:
    absent = rig(refuse_open=True)
    assert absent.pump(lambda: absent.record.restarts >= 2 and absent.record.state == "failed")
    assert absent.record.reason == "SensorError: no such device"


def test_policy_probe_leaves_out_what_is_not_there(rig: RigMaker) -> None:
    absent = rig(on_failure="probe", refuse_open=True)
    assert absent.ends_as("left_out")


def test_policy_probe_tries_again_what_was_there(rig: RigMaker) -> None:
    assert len(rig(on_failure="probe", interval_s=0.0, fail_at=1).blocks(3)) == 3


def test_policy_error_gives_up(rig: RigMaker) -> None:
    fatal = rig(on_failure="error", refuse_open=True)
    assert fatal.ends_as("failed")
    assert fatal.given_up == ["asset pump-1: SensorError: no such device"]


@pytest.mark.parametrize(
    ("plugin", "options", "word"),
    [
        ("broken", {}, "the driver is missing"),
        ("outdated", {}, "API"),
        ("none", {}, "available"),
        ("bench", {"rate_hz": "fast"}, "rate_hz"),
        ("bench", {"rate_hz": 2048.0}, "the bundle needs 1024"),
    ],
)
def test_what_cannot_get_better_is_not_tried_again(
    rig: RigMaker, plugin: str, options: dict[str, Any], word: str
) -> None:
    hopeless = rig(plugin, **options)
    assert hopeless.ends_as("failed")
    assert word in (hopeless.record.reason or "")


def test_silence_is_told_from_failure() -> None:
    record = AssetRecord("pump-1", "bench", block_interval_s=10.0)
    record.enter("running", None, 99.0)
    record.block_came(100.0)
    record.notice_silence(129.0)
    assert record.state == "running"
    record.notice_silence(131.0)
    assert (record.state, record.reason) == ("no_data", "no block for more than 30 s")
    record.block_came(140.0)
    assert (record.state, record.reason) == ("running", None)


def test_the_log_says_once_what_becomes_of_a_sensor(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    record = AssetRecord("pump-1", "bench", model="samples 1.0.0")
    record.info = SensorInfo(channels=("x", "y"), rate_hz=1024.0, unit="g")
    record.enter("running", None, 0.0)
    record.block_came(1.0)
    record.notice_silence(100.0)
    record.notice_silence(101.0)
    record.block_came(102.0)
    for now_s in (103.0, 104.0):
        record.enter("failed", "SensorError: unplugged", now_s)
    record.enter("ended", "the source has delivered everything", 105.0)
    said = [
        (entry.levelname, entry.getMessage().removeprefix("asset pump-1: sensor bench "))
        for entry in caplog.records
    ]
    running = ("INFO", "running: channels x, y; 1024 Hz; unit g; bundle samples 1.0.0")
    assert said == [
        running,
        ("INFO", "no data: no block for more than 5 s"),
        running,
        ("WARNING", "failed: SensorError: unplugged"),
        ("INFO", "ended: the source has delivered everything"),
    ]


def test_a_failed_sensor_is_not_silent_but_failed() -> None:
    record = AssetRecord("pump-1", "bench")
    record.enter("failed", "unplugged", 0.0)
    record.notice_silence(1e9)
    assert record.reason == "unplugged"


def test_it_stops_while_it_waits_for_room(rig: RigMaker) -> None:
    full = rig(interval_s=0.0)
    time.sleep(0.1)
    full.thread.ask_to_stop()
    assert full.thread.join(60.0)


def test_a_thread_that_hangs_is_named_and_started_again_when_it_returns(
    rig: RigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "_GRACE_S", 0.0)
    hanging = rig("bad", deadline_s=0.2, how="hangs", after=1, hang_s=3.0)
    assert len(hanging.blocks(1)) == 1

    def is_told() -> bool:
        hanging.thread.notice_hang(time.monotonic())
        return bool(hanging.record.state == "failed")

    assert hanging.pump(is_told)
    assert (hanging.record.reason or "").startswith("read has not returned for")
    assert hanging.pump(lambda: hanging.record.restarts >= 1)
    assert hanging.pump(lambda: len(hanging.came) >= 2)
    assert hanging.record.state == "running"
    assert hanging.came[1].gap_before


def test_a_sensor_in_a_process_is_started_again_by_the_same_policy(
    rig: RigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [str(BENCH), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    dying = rig("bad", isolation="process", how="segfaults", after=1)
    assert dying.pump(lambda: len(dying.came) >= 2)
    assert dying.record.restarts >= 1
    assert dying.came[1].gap_before
    assert dying.pump(lambda: dying.record.state == "failed")
    assert dying.record.reason == "the plugin's process died of SIGSEGV"
    dying.thread.ask_to_stop()
    assert dying.thread.join(60.0)
