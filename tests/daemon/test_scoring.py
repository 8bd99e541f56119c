import dataclasses
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desks import desk_in
from msgspec.structs import replace

from edge_agent.bundle import Bundle, LoadedBundle
from edge_agent.bundle.replay import replay
from edge_agent.daemon.announce import Announcer
from edge_agent.daemon.config.settings import Asset, OnFailure, Publish, SensorSettings
from edge_agent.daemon.local.lookout import Lookout
from edge_agent.daemon.messages import AlarmState, AnomalyEvent, Features, Message, Score
from edge_agent.daemon.models import Models
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.scoring import _MOMENT_S, ScoringLoop, Watch
from edge_agent.daemon.scoring_policy import IN_A_ROW, ScoringPolicy
from edge_agent.daemon.sensors.adapt import Adapter
from edge_agent.daemon.sensors.thread import Handover, SensorThread
from edge_agent.daemon.session import Session
from edge_agent.daemon.systemd import Notifier, Watchdog
from edge_agent.daemon.topics import Topics
from edge_agent.daemon.witness import daemon_witness
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.window import Window
from edge_agent.plugin import Block, SensorInfo


class Feeder(Notifier):
    """Counts what the watchdog is fed."""

    def __init__(self) -> None:
        super().__init__(None)
        self.fed = 0

    def send(self, *assignments: str) -> None:
        self.fed += "WATCHDOG=1" in assignments


@dataclass
class Bench:
    """A scoring loop with bench sensors and an outbox that nobody empties."""

    loaded: LoadedBundle
    folder: Path
    handover: Handover = field(default_factory=Handover)
    session: Session = field(default_factory=lambda: Session(Topics("edge/v1", "gw-1")))
    outbox: Outbox = field(default_factory=lambda: Outbox(100.0))
    feeder: Feeder = field(default_factory=Feeder)
    watches: dict[int, Watch] = field(default_factory=dict)
    lookout: Lookout = field(default_factory=Lookout)
    watchdog_s: float | None = None
    given_up: list[str] = field(default_factory=list)
    serve: Callable[[], None] = lambda: None

    def add(self, name: str, on_failure: OnFailure = "ignore", **options: Any) -> Watch:
        settings = SensorSettings(plugin="bench", options=options, on_failure=on_failure)
        asset = Asset(name=name, bundle=self.loaded.source, sensor=settings)
        record = AssetRecord(name, "bench", model_sha256=self.loaded.sha256)
        publish = Publish(features=True)
        witness = daemon_witness(
            asset, self.loaded, Path("unused"), self.session, self.outbox, lambda _job: None
        )
        desk = desk_in(self.folder, self.session, self.outbox)
        announcer = Announcer(record, self.loaded, publish, desk, witness)
        sensor = SensorThread(
            len(self.watches),
            asset,
            Adapter(asset, self.loaded.manifest.flow.input),
            record,
            self.handover,
            self.session.clock,
            self.given_up.append,
        )
        policy = ScoringPolicy(on_failure, self.given_up.append)
        flow = self.loaded.flow(None)
        watch = Watch(
            record, self.loaded, announcer, sensor, flow, None, None, lambda _: witness, policy
        )
        self.watches[len(self.watches)] = watch
        return watch

    def run(self, until: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Run the loop until ``until``, asked at every tick."""
        deadline_s = time.monotonic() + timeout_s

        def tick(now_s: float) -> None:
            if until() or now_s > deadline_s:
                loop.stop()

        loop = ScoringLoop(
            self.watches,
            self.handover,
            Watchdog(self.feeder, self.watchdog_s or 0.08),
            self.session.clock,
            tick,
            self.lookout,
            self.serve,
        )
        loop._tick_due_s = 0.0  # noqa: SLF001
        for watch in self.watches.values():
            watch.sensor.start()
        loop.run()
        for watch in self.watches.values():
            watch.sensor.ask_to_stop()
            watch.sensor.join(60.0)

    def run_out(self) -> None:
        """Run until no sensor will deliver any more."""
        final = ("ended", "failed")
        self.run(lambda: all(w.record.state in final for w in self.watches.values()))

    def said(self, kind: type[Message]) -> list[Any]:
        """What waits to be stored, and of each state the newest."""
        batch = self.outbox.collect()
        self.outbox.connection_began()
        self.outbox.stored(batch, ())
        messages = [message for _, _, message in batch.messages]
        bodies = [out.body for out in iter(self.outbox.take, None)]
        messages += [msgspec.json.decode(body, type=Message) for body in bodies]
        return [message for message in messages if isinstance(message, kind)]


@pytest.fixture
def loaded(bundle_file: Path) -> LoadedBundle:
    return Models(None).load(str(bundle_file))


@pytest.fixture
def bench_of(loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    monkeypatch.setattr("edge_agent.daemon.scoring.TICK_S", 0.05)
    return Bench(loaded, tmp_path)


def test_every_window_is_announced_with_its_score_and_features(bench_of: Bench) -> None:
    bench_of.add("pump-1", interval_s=0.0, blocks=12)
    bench_of.run_out()
    messages = [message for _, _, message in bench_of.outbox.collect().messages]
    scores = [m for m in messages if isinstance(m, Score)]
    features = [m for m in messages if isinstance(m, Features)]
    assert [m.index for m in scores] == list(range(12)) == [m.index for m in features]
    assert [m.seq for m in scores] == list(range(12))
    assert [m.reason for m in scores] == ["washout"] * 10 + [None] * 2
    assert list(features[0].values) == list(bench_of.loaded.manifest.flow.feature_names)
    assert list(scores[0].bias) == ["x"]


def test_what_a_trial_leaves_to_do_waits_until_the_window_is_on_its_way(
    bench_of: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.daemon.scoring._BEHIND_S", math.inf)
    tried_s: list[float] = []
    served_s: list[float] = []
    watch = bench_of.add("pump-1", interval_s=0.0, blocks=1)
    watch.beside = lambda _window, _result: tried_s.append(time.monotonic())
    bench_of.serve = lambda: served_s.append(time.monotonic())
    bench_of.run(lambda: bool(tried_s) and served_s[-1] > tried_s[0])
    assert min(at_s for at_s in served_s if at_s > tried_s[0]) - tried_s[0] >= _MOMENT_S


def test_an_anomaly_opens_and_closes_with_one_id_and_its_features(bench_of: Bench) -> None:
    bench_of.add("pump-1", interval_s=0.0, blocks=60, loud_from=20, quiet_from=30)
    bench_of.run_out()
    events = bench_of.said(AnomalyEvent)
    first = [event for event in events if event.number == 1]
    assert (first[0].event, first[-1].event) == ("open", "close")
    assert len({event.anomaly_id for event in first}) == 1
    assert len({event.id for event in events}) == len(events)
    assert first[0].closed is None
    assert first[-1].closed is not None
    assert first[-1].severity >= first[0].severity > 1.0
    assert first[0].features[0].share == max(share.share for share in first[0].features)


def test_the_log_says_when_an_anomaly_opens_grows_worse_and_closes(
    bench_of: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bench_of.add("pump-1", interval_s=0.0, blocks=60, loud_from=20, quiet_from=30)
    bench_of.run_out()
    events = bench_of.said(AnomalyEvent)
    told = [entry for entry in caplog.records if ": anomaly " in entry.getMessage()]
    assert [entry.levelname == "WARNING" for entry in told] == [e.event == "open" for e in events]
    for entry, event in zip(told, events, strict=True):
        done = {"open": "opened", "update": "grew worse", "close": "closed"}[event.event]
        message = entry.getMessage()
        assert message.startswith(f"asset pump-1: anomaly {event.number} {done} in the window of ")
        assert f"detector {event.detector}, severity {event.severity:.2f}, mostly" in message
    assert f"{events[0].opened}: detector" in told[0].getMessage()
    assert f"mostly {events[0].features[0].name} " in told[0].getMessage()


def test_the_alarm_state_says_what_it_rests_on(bench_of: Bench) -> None:
    watch = bench_of.add("pump-1", interval_s=0.0, blocks=30, loud_from=20)
    bench_of.run_out()
    watch.announcer.alarm.state()
    (alarm,) = bench_of.said(AlarmState)
    assert (alarm.alarm, alarm.data) == (True, "ended")
    assert alarm.anomaly_id is not None


def test_the_daemon_computes_what_a_replay_computes(bench_of: Bench, tmp_path: Path) -> None:
    bench_of.add("pump-1", interval_s=0.0, blocks=40, loud_from=20, quiet_from=30)
    blocks: list[Block] = []
    put = bench_of.handover.put

    def keep(delivery: Any) -> None:
        if isinstance(delivery.content, Block):
            blocks.append(delivery.content)
        put(delivery)

    bench_of.handover.put = keep  # type: ignore[method-assign]
    bench_of.run_out()

    class Taped:
        """What the sensor delivered, as a recording."""

        path, kind, channels, rate_hz, unit = tmp_path, "samples", ("x",), 1024.0, "g"
        period_s = burst_length = length = None

        @staticmethod
        def blocks() -> Iterator[Block]:
            yield from blocks

    bundle = Bundle.read(Path(bench_of.loaded.source))
    replayed = list(replay(bundle.load(), Taped()))  # type: ignore[arg-type]
    daemon = bench_of.said(Score)
    assert [(s.score, s.level_score, s.anomaly) for s in daemon] == [
        (r.score, r.level_score, r.anomaly) for r in replayed
    ]
    assert sum(r.anomaly for r in replayed) > 5


class Failing:
    """A model that raises in the windows of chosen numbers, counted from 0."""

    def __init__(self, watch: Watch, windows: range, error: BaseException) -> None:
        self._push, self._windows, self._error = watch.flow.push_window, windows, error
        self.tried = 0

    def __call__(self, window: Window) -> WindowResult:
        self.tried += 1
        if self.tried - 1 in self._windows:
            raise self._error
        return self._push(window)


def fail(
    monkeypatch: pytest.MonkeyPatch, watch: Watch, windows: range, error: BaseException
) -> Failing:
    failing = Failing(watch, windows, error)
    monkeypatch.setattr(watch.flow, "push_window", failing)
    return failing


@pytest.mark.parametrize(
    "error", [FloatingPointError("it overflowed"), SystemExit("it overflowed")]
)
def test_one_assets_broken_flow_does_not_stop_the_others(
    bench_of: Bench,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: BaseException,
) -> None:
    broken = bench_of.add("pump-1", interval_s=0.0, blocks=20)
    sound = bench_of.add("pump-2", interval_s=0.0, blocks=20)
    failing = fail(monkeypatch, broken, range(20), error)
    bench_of.run_out()
    assert (broken.record.state, sound.record.state) == ("failed", "ended")
    assert "overflowed" in (broken.record.reason or "")
    assert failing.tried == IN_A_ROW
    reasons = [score.reason for score in bench_of.said(Score) if score.asset == "pump-1"]
    assert broken.record.windows == reasons.count("error") >= IN_A_ROW
    assert sound.record.windows == 20
    assert caplog.text.count("overflowed") == 1


def test_one_window_that_fails_is_counted_and_the_next_one_scored(
    bench_of: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = bench_of.add("pump-1", interval_s=0.0, blocks=30)
    fail(monkeypatch, watch, range(20, 21), RuntimeError("the interpreter failed"))
    bench_of.run_out()
    reasons = [score.reason for score in bench_of.said(Score)]
    assert (watch.record.state, watch.record.windows) == ("ended", 30)
    assert reasons == ["washout"] * 10 + [None] * 10 + ["error", "gap"] + [None] * 8


def test_an_asset_whose_scoring_failed_is_tried_again_and_recovers(
    bench_of: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.daemon.scoring_policy.FIRST_WAIT_S", 0.05)
    watch = bench_of.add("pump-1", on_failure="retry", interval_s=0.01, blocks=60)
    failing = fail(monkeypatch, watch, range(12, 16), RuntimeError("the interpreter failed"))
    states: list[str] = []

    def has_ended() -> bool:
        states.append(watch.record.state)
        return states[-1] == "ended"

    bench_of.run(has_ended)
    assert "failed" in states
    assert watch.record.windows == 60
    errors = [score.reason for score in bench_of.said(Score)].count("error")
    assert 4 <= errors == 60 - failing.tried + 4
    assert watch.record.score is not None


def test_policy_error_ends_the_agent_when_scoring_fails(
    bench_of: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = bench_of.add("pump-1", on_failure="error", interval_s=0.0, blocks=5)
    fail(monkeypatch, watch, range(5), RuntimeError("the interpreter failed"))
    bench_of.run_out()
    assert bench_of.given_up[0].startswith("asset pump-1: scoring: RuntimeError: the interpreter")


def test_a_sensor_that_delivers_no_signal_is_a_state_of_its_own_until_the_signal_is_back(
    bench_of: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bench_of.add("pump-1", interval_s=0.0, blocks=30, flat_from=15, flat_until=20)
    bench_of.run_out()
    reasons = [score.reason for score in bench_of.said(Score)]
    assert reasons[15:] == ["sensor_fault"] * 5 + ["gap"] + [None] * 9
    states = [record.getMessage() for record in caplog.records if "sensor bench" in record.message]
    assert "sensor fault: flat line: every sample of channel x is 0 g" in states[1]
    assert "running" in states[2]


def test_assets_on_one_bundle_share_its_model_but_not_its_state(bench_of: Bench) -> None:
    healthy = bench_of.add("pump-1", interval_s=0.0, blocks=30)
    loud = bench_of.add("pump-2", interval_s=0.0, blocks=30, loud_from=15)
    bench_of.run_out()
    assert healthy.flow is not loud.flow
    assert (healthy.record.open, loud.record.open is None) == (None, False)


@pytest.mark.parametrize("options", [{"silent_from": 0}, {"refuse_open": True}, {}])
def test_a_dead_or_idle_or_slow_sensor_does_not_starve_the_watchdog(
    bench_of: Bench, options: dict[str, Any]
) -> None:
    bench_of.add("pump-1", interval_s=600.0, **options)
    bench_of.run(lambda: bench_of.feeder.fed >= 5)
    assert bench_of.feeder.fed >= 5


def test_a_loop_that_is_stuck_in_a_window_does_not_feed(
    bench_of: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = bench_of.add("pump-1", interval_s=0.0, blocks=1)
    release, entered = threading.Event(), threading.Event()
    fed: list[int] = []

    def stick(_block: Block) -> Iterator[None]:
        entered.set()
        release.wait(60.0)
        return iter(())

    def look() -> None:
        entered.wait(60.0)
        before = bench_of.feeder.fed
        time.sleep(0.4)
        fed.append(bench_of.feeder.fed - before)
        release.set()

    monkeypatch.setattr(watch.flow, "windows", stick)
    watcher = threading.Thread(target=look)
    watcher.start()
    bench_of.run(lambda: bool(fed))
    watcher.join()
    assert fed == [0]


def test_the_sensors_range_marks_clipped_windows(bench_of: Bench) -> None:
    bench_of.add("pump-1", interval_s=0.0, blocks=3, range_max=0.2)
    bench_of.run_out()
    assert all(score.clipped for score in bench_of.said(Score))


@pytest.mark.parametrize(
    ("clock", "ago_s", "gap"),
    [("boot", 600, False), ("boot", 1200, True), ("boot", -1, True), ("another boot", 600, True)],
)
def test_a_continued_state_begins_with_a_gap_unless_the_next_burst_is_in_time(
    bench_of: Bench, clock: str, ago_s: int, *, gap: bool
) -> None:
    """By the clock that nobody sets: what the wall clock says meanwhile does not matter."""
    watch = bench_of.add("pump-1")
    flow = bench_of.loaded.manifest.flow
    needed = replace(flow.input, period_s=600.0)
    manifest = replace(bench_of.loaded.manifest, flow=replace(flow, input=needed))
    watch.bundle = dataclasses.replace(bench_of.loaded, manifest=manifest)
    wall_clock = bench_of.session.clock
    watch.record.info = SensorInfo(("x",), 1024.0, "g")
    start_ns = 10**13
    watch.last_start_ns = start_ns - ago_s * 10**9
    watch.clock = wall_clock.boot_id if clock == "boot" else clock
    block = Block(None, start_ns, 1024.0, "g", ("x",))  # type: ignore[arg-type]
    assert watch.suit(block, wall_clock).gap_before is gap
    assert watch.clock == wall_clock.boot_id


def test_a_first_run_begins_without_a_gap(bench_of: Bench) -> None:
    watch = bench_of.add("pump-1")
    block = Block(None, 0, 1024.0, "g", ("x",))  # type: ignore[arg-type]
    assert not watch.suit(block, bench_of.session.clock).gap_before
