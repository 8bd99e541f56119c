import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desks import desk_in
from msgspec.structs import replace as changed

from edge_agent.bundle import LoadedBundle
from edge_agent.daemon.assembly import Assembly
from edge_agent.daemon.config.settings import (
    Asset,
    OutboxSettings,
    Publish,
    RecorderSettings,
    SensorSettings,
)
from edge_agent.daemon.judged import Judged
from edge_agent.daemon.keep import StateDirectory
from edge_agent.daemon.keeper import Keeper
from edge_agent.daemon.ledger import violations
from edge_agent.daemon.local.lookout import Lookout
from edge_agent.daemon.messages import AnomalyEvent, Message, ModelState, Score
from edge_agent.daemon.models import Models
from edge_agent.daemon.outbox import Outbox, Store
from edge_agent.daemon.recorder import Recorder
from edge_agent.daemon.scoring import ScoringLoop
from edge_agent.daemon.sensors.thread import Handover
from edge_agent.daemon.session import Session
from edge_agent.daemon.systemd import Notifier, Watchdog
from edge_agent.daemon.topics import Topics
from edge_agent.daemon.watches import Watches
from edge_agent.pipeline.flow import Flow


@dataclass
class Rig:
    """Watches with a store that is stepped by hand, and a loop that runs as long as asked."""

    folder: Path
    outbox: Outbox = field(default_factory=lambda: Outbox(100.0))
    handover: Handover = field(default_factory=Handover)
    session: Session = field(default_factory=lambda: Session(Topics("edge/v1", "gw-1")))
    said: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Store(self.outbox, OutboxSettings(), self.folder)
        self.state = StateDirectory(self.folder)
        self.keeper = Keeper()
        self.keeper.start()
        desk = desk_in(self.folder, self.session, self.outbox)
        assembly = Assembly(
            self.state,
            self.keeper,
            self.session,
            self.store,
            Recorder(self.folder / "recorder", RecorderSettings(max_mb=0.1)),
            self.handover,
            pytest.fail,
            desk,
        )
        self.watches = Watches(assembly, self.session, self.outbox, self.handover, desk)

    def add(self, bundle: LoadedBundle, **options: Any) -> Judged:
        settings = SensorSettings(plugin="bench", options={"interval_s": 0.002} | options)
        judged = Judged(Asset(name="pump-1", bundle="a", sensor=settings), bundle)
        self.watches.add(judged, Publish())
        self.watches.start(time.monotonic())
        return judged

    def run(self, until: Callable[[], object], timeout_s: float = 20.0) -> None:
        deadline_s = time.monotonic() + timeout_s
        met = False

        def turn() -> None:
            nonlocal met
            self.watches.turn()
            self.step()
            met = bool(until())
            if met or time.monotonic() > deadline_s:
                loop.stop()

        loop = ScoringLoop(
            self.watches.running,
            self.handover,
            Watchdog(Notifier(None), 0.5),
            self.session.clock,
            self.watches.look,
            Lookout(),
            turn,
        )
        loop.run()
        assert met

    def step(self) -> None:
        collect = self.outbox.collect

        def noted() -> Any:
            batch = collect()
            self.said += [message for _, _, message in (*batch.messages, *batch.states)]
            return batch

        self.outbox.collect = noted  # type: ignore[method-assign]
        self.store.step()
        self.outbox.collect = collect  # type: ignore[method-assign]

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.said if isinstance(message, kind)]

    def scored(self, count: int) -> Callable[[], bool]:
        return lambda: sum(s.score is not None for s in self.of(Score)) >= count

    def models(self) -> list[ModelState]:
        """What is retained on the asset's model topic now."""
        self.outbox.connection_began()
        bodies = [out.body for out in iter(self.outbox.take, None) if out.kind == "model"]
        return [msgspec.json.decode(body, type=ModelState) for body in bodies]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.watches.ask_to_stop()
    made.watches.join(time.monotonic() + 5.0)
    made.store.stop(1.0)
    made.keeper.stop(5.0)


@pytest.fixture
def loaded(bundle_file: Path) -> LoadedBundle:
    return Models(None).load(str(bundle_file))


def other(bundle: LoadedBundle, **flow: Any) -> LoadedBundle:
    """The same network under another name and digest, with other parameters."""
    manifest = changed(bundle.manifest, version="2.0.0", flow=changed(bundle.manifest.flow, **flow))
    return replace(bundle, sha256="b" * 64, manifest=manifest)


def swap(rig: Rig, judged: Judged, bundle: LoadedBundle) -> list[str | None]:
    outcome: list[str | None] = []
    rig.watches.swap(replace(judged, bundle=bundle), done=outcome.append)
    return outcome


def require_unbroken(scores: list[Score]) -> None:
    assert [s.index for s in scores] == list(range(len(scores)))
    assert [s.gap for s in scores].count(True) == 0
    assert all(one.end == two.start for one, two in itertools.pairwise(scores))


def test_a_swap_loses_no_window_and_each_is_scored_by_one_model(
    rig: Rig, loaded: LoadedBundle
) -> None:
    judged = rig.add(loaded)
    rig.run(rig.scored(40))
    new = other(loaded)
    outcome = swap(rig, judged, new)
    n = len(rig.of(Score))
    rig.run(lambda: len(rig.of(Score)) > n + 40)
    assert outcome == [None]
    scores = rig.of(Score)
    require_unbroken(scores)
    assert [s.reason for s in scores[10:]] == [None] * (len(scores) - 10)
    by_model = [s.model_sha256 for s in scores]
    first = by_model.index(new.sha256)
    assert set(by_model[:first]) == {loaded.sha256}
    assert set(by_model[first:]) == {new.sha256}
    (ledger,) = rig.store.ledger.snapshot().assets
    assert violations(rig.store.ledger.snapshot()) == []
    assert ledger.windows.models == {
        loaded.model_id: first - 10,
        new.model_id: len(scores) - first,
    }
    (model,) = rig.models()
    assert (model.version, model.begun) == ("2.0.0", "warmed")
    (record,) = rig.watches.records
    assert (record.model, record.model_id) == ("test-bearing 2.0.0", new.model_id)


def test_while_it_is_warmed_up_the_former_scores_on(
    rig: Rig, loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.daemon.swap.SLICE", 1)
    judged = rig.add(loaded)
    rig.run(rig.scored(40))
    n = len(rig.of(Score))
    swap(rig, judged, other(loaded))
    rig.run(lambda: not rig.watches.is_swapping)
    assert len(rig.of(Score)) > n
    assert {s.model_sha256 for s in rig.of(Score)} == {loaded.sha256}
    rig.run(rig.scored(len(rig.of(Score)) + 20))
    require_unbroken(rig.of(Score))


def test_an_open_anomaly_is_carried_over_and_closed_under_the_id_it_was_opened_with(
    rig: Rig, loaded: LoadedBundle
) -> None:
    judged = rig.add(loaded, loud_from=30, quiet_from=60)
    rig.run(lambda: any(e.event == "open" for e in rig.of(AnomalyEvent)))
    new = other(loaded)
    outcome = swap(rig, judged, new)
    rig.run(lambda: outcome and any(e.event == "close" for e in rig.of(AnomalyEvent)))
    events = rig.of(AnomalyEvent)
    assert [e.event for e in events if e.event != "update"] == ["open", "close"]
    assert {(e.number, e.anomaly_id, e.opened) for e in events} == {
        (1, events[0].anomaly_id, events[0].opened)
    }
    assert (events[0].model_sha256, events[-1].model_sha256) == (loaded.sha256, new.sha256)


def test_another_budget_keeps_all_state(rig: Rig, loaded: LoadedBundle) -> None:
    judged = rig.add(loaded)
    rig.run(rig.scored(30))
    spec = loaded.manifest.flow
    budget = replace(
        loaded,
        manifest=changed(
            loaded.manifest,
            flow=changed(spec, threshold=changed(spec.threshold, value=9.0)),
        ),
    )
    swap(rig, judged, budget)
    rig.run(rig.scored(60))
    require_unbroken(rig.of(Score))
    assert rig.models()[0].begun == "restored"
    assert rig.of(Score)[-1].threshold == 9.0


def test_other_features_are_washed_in_without_a_gap(rig: Rig, loaded: LoadedBundle) -> None:
    judged = rig.add(loaded)
    rig.run(rig.scored(30))
    names = tuple(f"{name}_new" for name in loaded.manifest.flow.feature_names)
    swap(rig, judged, other(loaded, feature_names=names))
    rig.run(rig.scored(60))
    scores = rig.of(Score)
    require_unbroken(scores)
    assert [s.reason for s in scores].count("washout") == 20
    assert rig.models()[0].begun == "empty"


def test_another_input_begins_the_sensor_anew_and_says_that_there_is_a_gap(
    rig: Rig, loaded: LoadedBundle, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    judged = rig.add(loaded, loud_from=15)
    rig.run(lambda: rig.watches.records[0].open is not None)
    longer = changed(loaded.manifest.flow.input, hop=128)
    outcome = swap(rig, judged, other(loaded, input=longer))
    assert outcome == [None]
    assert "takes another input: its sensor begins anew" in caplog.text
    n = len(rig.of(Score))
    rig.run(lambda: len(rig.of(Score)) > n + 5)
    scores = rig.of(Score)
    assert [s.index for s in scores] == list(range(len(scores)))
    first = next(s for s in scores if s.model_sha256 == "b" * 64)
    assert first.gap
    assert first.anomaly  # what was open is not forgotten


def test_a_bundle_that_cannot_run_is_refused_and_the_former_scores_on(
    rig: Rig, loaded: LoadedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = rig.add(loaded)
    rig.run(rig.scored(30))
    assert swap(rig, replace(judged, reason="no such file"), None) == ["no such file"]  # type: ignore[arg-type]

    def fail(*_: object) -> None:
        raise RuntimeError("the interpreter gives up")

    monkeypatch.setattr(Flow, "warm_up", fail)
    outcome = swap(rig, judged, other(loaded))
    rig.run(rig.scored(60))
    assert outcome == ["RuntimeError: the interpreter gives up"]
    require_unbroken(rig.of(Score))
    assert {s.model_sha256 for s in rig.of(Score)} == {loaded.sha256}
    assert not rig.watches.is_swapping


def test_an_asset_that_is_removed_meanwhile_is_not_swapped(rig: Rig, loaded: LoadedBundle) -> None:
    judged = rig.add(loaded)
    rig.run(rig.scored(30))
    swap(rig, judged, other(loaded))
    rig.watches.remove("pump-1")
    assert not rig.watches.is_swapping
    with pytest.raises(KeyError, match="pump-1"):
        rig.watches.swap(judged)
