import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as changed
from rigs import Rig, other

from edge_agent.bundle import LoadedBundle
from edge_agent.daemon.judged import Judged
from edge_agent.daemon.ledger import violations
from edge_agent.daemon.messages import AnomalyEvent, Score
from edge_agent.daemon.models import Models
from edge_agent.pipeline.flow import Flow


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.end()


@pytest.fixture
def loaded(bundle_file: Path) -> LoadedBundle:
    return Models(None).load(str(bundle_file))


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
    rig.run(lambda: not rig.watches.swaps.are_under_way)
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
    assert not rig.watches.swaps.are_under_way


def test_an_asset_that_is_removed_meanwhile_is_not_swapped(rig: Rig, loaded: LoadedBundle) -> None:
    judged = rig.add(loaded)
    rig.run(rig.scored(30))
    swap(rig, judged, other(loaded))
    rig.watches.remove("pump-1")
    assert not rig.watches.swaps.are_under_way
    with pytest.raises(KeyError, match="pump-1"):
        rig.watches.swap(judged)
