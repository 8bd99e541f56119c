import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.bundle import Bundle, LoadedBundle
from edge_agent.bundle.replay import replay
from edge_agent.daemon.adapt import Adapter
from edge_agent.daemon.announce import Announcer
from edge_agent.daemon.lookout import Lookout
from edge_agent.daemon.messages import AlarmState, AnomalyEvent, Features, Message, Score
from edge_agent.daemon.models import Models
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.scoring import ScoringLoop, Watch
from edge_agent.daemon.sensors import Handover, SensorThread
from edge_agent.daemon.session import Session
from edge_agent.daemon.settings import Asset, Publish, SensorSettings
from edge_agent.daemon.systemd import Notifier, Watchdog
from edge_agent.daemon.topics import Topics
from edge_agent.plugin import Block


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
    handover: Handover = field(default_factory=Handover)
    session: Session = field(default_factory=lambda: Session(Topics("edge/v1", "gw-1")))
    outbox: Outbox = field(default_factory=lambda: Outbox(100.0))
    feeder: Feeder = field(default_factory=Feeder)
    watches: dict[int, Watch] = field(default_factory=dict)
    lookout: Lookout = field(default_factory=Lookout)
    watchdog_s: float | None = None

    def add(self, name: str, **options: Any) -> Watch:
        settings = SensorSettings(plugin="bench", options=options, on_failure="ignore")
        asset = Asset(name=name, bundle=self.loaded.source, sensor=settings)
        record = AssetRecord(name, "bench", model_sha256=self.loaded.sha256)
        publish = Publish(features=True)
        announcer = Announcer(record, self.loaded, publish, self.session, self.outbox)
        sensor = SensorThread(
            len(self.watches),
            asset,
            Adapter(asset, self.loaded.manifest.flow.input),
            record,
            self.handover,
            lambda _reason: None,
        )
        watch = Watch(record, self.loaded, announcer, sensor, self.loaded.flow(None), None, 0)
        self.watches[len(self.watches)] = watch
        return watch

    def run(self, until: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Run the loop until ``until``, asked at every tick."""
        deadline_s = time.monotonic() + timeout_s

        def tick(now_s: float) -> None:
            if until() or now_s > deadline_s:
                loop.stop()

        loop = ScoringLoop(
            self.watches,
            self.handover,
            Watchdog(self.feeder, self.watchdog_s or 0.08),
            tick,
            self.lookout,
        )
        loop._tick_due_s = 0.0  # noqa: SLF001
        for watch in self.watches.values():
            watch.sensor.start()
        loop.run()
        for watch in self.watches.values():
            watch.sensor.ask_to_stop()
            watch.sensor.join(2.0)

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
def bench_of(loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr("edge_agent.daemon.scoring.TICK_S", 0.05)
    return Bench(loaded)


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


def test_one_assets_broken_flow_does_not_stop_the_others(
    bench_of: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = bench_of.add("pump-1", interval_s=0.0, blocks=20)
    sound = bench_of.add("pump-2", interval_s=0.0, blocks=20)

    def explode(_block: Block) -> Iterator[None]:
        raise FloatingPointError("the feature plugin overflowed")

    monkeypatch.setattr(broken.flow, "push_block", explode)
    bench_of.run_out()
    assert (broken.record.state, sound.record.state) == ("failed", "ended")
    assert "overflowed" in (broken.record.reason or "")
    assert (broken.record.windows, sound.record.windows) == (0, 20)
    assert caplog.text.count("overflowed") == 1


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
    began_s = time.monotonic()
    bench_of.run(lambda: time.monotonic() - began_s > 0.4)
    assert bench_of.feeder.fed >= 5


def test_a_loop_that_is_stuck_in_a_window_does_not_feed(
    bench_of: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = bench_of.add("pump-1", interval_s=0.0, blocks=1)
    release, entered = threading.Event(), threading.Event()
    fed: list[int] = []

    def stick(_block: Block) -> Iterator[None]:
        entered.set()
        release.wait(5.0)
        return iter(())

    def look() -> None:
        entered.wait(5.0)
        before = bench_of.feeder.fed
        time.sleep(0.4)
        fed.append(bench_of.feeder.fed - before)
        release.set()

    monkeypatch.setattr(watch.flow, "push_block", stick)
    watcher = threading.Thread(target=look)
    watcher.start()
    bench_of.run(lambda: bool(fed))
    watcher.join()
    assert fed == [0]


def test_the_sensors_range_marks_clipped_windows(bench_of: Bench) -> None:
    bench_of.add("pump-1", interval_s=0.0, blocks=3, range_max=0.2)
    bench_of.run_out()
    assert all(score.clipped for score in bench_of.said(Score))


def test_a_continued_state_begins_with_a_gap_unless_the_next_burst_is_in_time(
    bench_of: Bench,
) -> None:
    watch = bench_of.add("pump-1")
    watch.last_start_ns = time.time_ns()
    block = Block(None, time.time_ns(), 1024.0, "g", ("x",))  # type: ignore[arg-type]
    assert watch.suit(block).gap_before
    watch.last_start_ns = 0
    assert not watch.suit(block).gap_before
