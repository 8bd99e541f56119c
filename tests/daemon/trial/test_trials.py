from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from rigs import Rig, other

from benchmarks.torture.samples import other_version
from edge_agent.bundle import Bundle, LoadedBundle
from edge_agent.daemon.config.settings import Asset, SensorSettings
from edge_agent.daemon.messages import Score
from edge_agent.daemon.models import Models
from edge_agent.daemon.recorder.memory import past_window
from edge_agent.daemon.trial import trials as module
from edge_agent.daemon.trial.backtest import Order, Outcome
from edge_agent.daemon.trial.report import TrialReport
from edge_agent.daemon.trial.trials import TrialRefusedError, Trials
from edge_agent.daemon.trial.verdict import Limits
from edge_agent.pipeline.flow import Flow


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process for the backtest, which has tests of its own; looks are ten a second."""
    monkeypatch.setattr(module, "run_child", lambda _order: Outcome())
    monkeypatch.setattr("edge_agent.daemon.scoring.TICK_S", 0.1)
    monkeypatch.setattr(module, "SAVE_EVERY_S", 0.0)


@pytest.fixture
def loaded(bundle_file: Path) -> LoadedBundle:
    return Models(None).load(str(bundle_file))


@pytest.fixture
def candidate(tmp_path: Path, samples_bundle: bytes) -> Path:
    path = tmp_path / "candidate.edgemodel"
    path.write_bytes(other_version(samples_bundle, 1))
    return path


class Tried(Rig):
    """A rig with trials."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.trials = Trials(
            self.watches, self.recorder, self.folder, self.keeper.do, self.handover.wake
        )
        self.on_turn.append(self.trials.turn)
        self.on_look.append(self.trials.look)

    def end(self) -> None:
        self.trials.join(60.0)
        super().end()

    def ended(self) -> bool:
        return self.trials.report("pump-1").phase == "done"

    def live(self, windows: int) -> Callable[[], bool]:
        return lambda: self.trials.report("pump-1").live.windows >= windows


@pytest.fixture
def rigs(tmp_path: Path) -> Iterator[Callable[[], Tried]]:
    made: list[Tried] = []

    def make() -> Tried:
        made.append(Tried(tmp_path / "state"))
        return made[-1]

    (tmp_path / "state").mkdir()
    yield make
    made[-1].end()


def test_both_score_the_same_live_windows_and_the_candidate_publishes_nothing(
    rigs: Callable[[], Tried], loaded: LoadedBundle, candidate: Path
) -> None:
    rig = rigs()
    rig.add(loaded)
    rig.run(rig.scored(30))
    began = rig.trials.start("pump-1", str(candidate), 50, by="anna")
    assert (began.phase, began.verdict, began.wanted) == ("backtest", "inconclusive", 50)
    rig.run(rig.ended)
    report = rig.trials.report("pump-1")
    assert (report.verdict, report.phase, report.by) == ("good", "done", "anna")
    assert report.live.windows >= 50
    assert (report.live.lost, report.live.unscored) == (0, 0)
    assert report.model == "test-bearing 1.1.0"
    assert report.model_id == Bundle.read(candidate).sha256[:16]
    assert {s.model_sha256 for s in rig.of(Score)} == {loaded.sha256}
    (record,) = rig.watches.records
    assert record.model == "test-bearing 1.0.0"
    watch = rig.watches.watch_of("pump-1")
    assert watch is not None
    assert watch.beside is None
    assert rig.trials.reports == (report,)


def test_after_a_kill_a_trial_comes_to_the_same_as_one_that_was_not_disturbed(
    rigs: Callable[[], Tried], loaded: LoadedBundle, candidate: Path
) -> None:
    rig = rigs()
    rig.add(loaded)
    rig.run(rig.scored(30))
    rig.trials.start("pump-1", str(candidate), 1_000_000)
    rig.run(rig.live(40))
    before = rig.trials.report("pump-1").live.windows
    rig.run(rig.scored(len(rig.of(Score)) + 30))
    n = len(rig.of(Score))
    rig.end()

    second = rigs()
    second.add(loaded)
    second.run(lambda: len(second.of(Score)) > 20)
    second.run(lambda: second.trials.report("pump-1").live.windows >= n)
    report = second.trials.report("pump-1")
    assert report.live.windows > before
    assert report.live.lost == 0
    running = second.trials._trials["pump-1"]  # noqa: SLF001 - to score the same windows again
    assert running.candidate is not None
    rows = second.recorder.read("pump-1")
    flow = Models(None).load(str(candidate)).flow()
    expected = []
    for i in np.flatnonzero(rows.index < running.candidate.next_index):
        result = flow.replay(past_window(rows, i))
        if result is not None and result.score is not None:
            expected.append(result.score / result.threshold)
    told = np.exp([pair[1] for pair in running.kept.tally.pairs])
    assert np.allclose(told, expected[-len(told) :], rtol=1e-3)


def test_a_candidate_that_alarms_on_a_calm_machine_is_bad(
    rigs: Callable[[], Tried], loaded: LoadedBundle, tmp_path: Path, samples_bundle: bytes
) -> None:
    path = tmp_path / "nervous.edgemodel"
    path.write_bytes(other_version(samples_bundle, 60))
    rig = rigs()
    rig.add(loaded)
    rig.run(rig.scored(30))
    rig.trials.start("pump-1", str(path), 50)
    rig.run(rig.ended)
    report = rig.trials.report("pump-1")
    assert report.verdict == "bad", report
    assert "alone in alarm in" in report.reasons[0]


def test_what_cannot_be_tried_is_said(
    rigs: Callable[[], Tried],
    loaded: LoadedBundle,
    candidate: Path,
    features_bundle: bytes,
    tmp_path: Path,
) -> None:
    rig = rigs()
    rig.add(loaded)
    with pytest.raises(TrialRefusedError, match="asset pump-9 is not watched"):
        rig.trials.start("pump-9", str(candidate))
    with pytest.raises(TrialRefusedError, match="allowed: an absolute path"):
        rig.trials.start("pump-1", "candidate.edgemodel")
    with pytest.raises(TrialRefusedError, match="has no trial"):
        rig.trials.report("pump-1")
    rig.trials.start("pump-1", str(tmp_path / "nothing"))
    with pytest.raises(TrialRefusedError, match="allowed: one at a time"):
        rig.trials.start("pump-1", str(candidate))
    rig.run(rig.ended)
    report = rig.trials.report("pump-1")
    assert report.verdict == "bad"
    assert "cannot be tried here" in report.reasons[0]
    table = tmp_path / "table.edgemodel"
    table.write_bytes(features_bundle)
    rig.trials.start("pump-1", str(table))
    rig.run(rig.ended)
    assert "takes another input" in rig.trials.report("pump-1").reasons[0]


def test_an_asset_that_is_still_listened_to_has_nothing_to_compare_with(
    rigs: Callable[[], Tried], general_bundle_file: Path, candidate: Path
) -> None:
    sensor = SensorSettings(plugin="bench")
    asset = Asset(name="pump-1", bundle=str(general_bundle_file), sensor=sensor)
    rig = rigs()
    rig.add(Models(None).load_for(asset))
    with pytest.raises(TrialRefusedError, match="is not commissioned yet"):
        rig.trials.start("pump-1", str(candidate))


def test_a_candidate_that_fails_on_a_window_ends_its_trial_and_nothing_else(
    rigs: Callable[[], Tried],
    loaded: LoadedBundle,
    candidate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the interpreter gives up")

    rig = rigs()
    rig.add(loaded)
    rig.run(rig.scored(30))
    rig.trials.start("pump-1", str(candidate))
    monkeypatch.setattr(Flow, "replay", fail)
    rig.run(rig.ended)
    report = rig.trials.report("pump-1")
    assert report.verdict == "bad"
    assert report.reasons[0] == "failed on a window: RuntimeError: the interpreter gives up"
    n = len(rig.of(Score))
    rig.run(lambda: len(rig.of(Score)) > n + 10)


def test_a_trial_ends_where_another_bundle_judges_by_then(
    rigs: Callable[[], Tried], loaded: LoadedBundle, candidate: Path
) -> None:
    rig = rigs()
    judged = rig.add(loaded)
    rig.run(rig.scored(30))
    rig.trials.start("pump-1", str(candidate), 1000)
    rig.run(rig.live(5))
    rig.watches.swap(type(judged)(judged.asset, other(loaded)))
    rig.run(rig.ended)
    report = rig.trials.report("pump-1")
    assert report.verdict == "inconclusive"
    assert "another bundle judges by now" in report.reasons[0]


def test_a_stopped_trial_is_forgotten_also_after_a_restart(
    rigs: Callable[[], Tried], loaded: LoadedBundle, candidate: Path
) -> None:
    rig = rigs()
    rig.add(loaded)
    rig.run(rig.scored(30))
    rig.trials.start("pump-1", str(candidate), 1000, Limits(shift_max=3.0))
    rig.run(rig.live(5))
    assert rig.trials.stop("pump-1").verdict == "inconclusive"
    watch = rig.watches.watch_of("pump-1")
    assert watch is not None
    assert watch.beside is None
    assert rig.trials.reports == ()
    rig.end()
    again = rigs()
    with pytest.raises(TrialRefusedError, match="has no trial"):
        again.trials.report("pump-1")


def test_a_damaged_file_costs_the_trial_alone(
    rigs: Callable[[], Tried],
    loaded: LoadedBundle,
    candidate: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = rigs()
    rig.add(loaded)
    rig.trials.start("pump-1", str(candidate))
    rig.end()
    (file,) = (tmp_path / "state" / "trials").iterdir()
    file.write_bytes(file.read_bytes()[:20])
    again = rigs()
    assert again.trials.reports == ()
    assert "is not usable" in caplog.text


def test_other_features_are_computed_from_the_same_samples(
    rigs: Callable[[], Tried],
    loaded: LoadedBundle,
    candidate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge_agent.daemon.trial.running.computes_alike", lambda *_: False)
    rig = rigs()
    rig.add(loaded, interval_s=0.01)
    rig.run(rig.scored(30))
    rig.trials.start("pump-1", str(candidate), 30)
    rig.run(rig.ended)
    report = rig.trials.report("pump-1")
    assert (report.verdict, report.live.lost) == ("good", 0)


def test_a_report_can_be_sent_as_json(
    rigs: Callable[[], Tried], loaded: LoadedBundle, candidate: Path
) -> None:
    rig = rigs()
    rig.add(loaded)
    report = rig.trials.start("pump-1", str(candidate))
    assert msgspec.convert(msgspec.to_builtins(report), TrialReport) == report


def test_the_order_of_a_backtest_survives_json(loaded: LoadedBundle, rigs: Any) -> None:
    judged = rigs().add(loaded)
    order = Order(asset=judged.asset, candidate="c", model_id="m", state_dir="s", recorder="r")
    assert msgspec.json.decode(msgspec.json.encode(order), type=Order) == order
