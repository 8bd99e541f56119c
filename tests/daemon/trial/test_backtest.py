from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace as changed
from numpy.typing import NDArray

from benchmarks.torture.samples import other_version
from edge_agent.bundle import LoadedBundle
from edge_agent.daemon.config.settings import Asset, RecorderSettings, SensorSettings
from edge_agent.daemon.models import Models
from edge_agent.daemon.recorder import Recorder, layout_of
from edge_agent.daemon.recorder.rows import make_row
from edge_agent.daemon.trial.backtest import Order, backtest, run_child
from edge_agent.plugin import Block

Vibration = Callable[..., NDArray[np.float32]]
RATE_HZ = 1024.0


@pytest.fixture
def loaded(bundle_file: Path) -> LoadedBundle:
    return Models(None).load(str(bundle_file))


@pytest.fixture
def order(
    tmp_path: Path,
    bundle_file: Path,
    samples_bundle: bytes,
    loaded: LoadedBundle,
    vibration: Vibration,
) -> Order:
    """A hundred calm windows in the recorder, ten loud, forty calm; a candidate like the other."""
    candidate = tmp_path / "candidate.edgemodel"
    candidate.write_bytes(other_version(samples_bundle, 1))
    recorder = Recorder(tmp_path / "recorder", RecorderSettings(max_mb=0.5))
    layout = layout_of("pump-1", "bench", loaded.manifest)
    recorder.watch("pump-1", 0)
    samples = np.concatenate((vibration(100), vibration(10, 1.0, seed=2), vibration(40, seed=3)))
    for result in loaded.flow().push_block(Block(samples, 0, RATE_HZ, "g", ("x",))):
        recorder.write(make_row(layout, result, "source"))
    recorder.close()
    sensor = SensorSettings(plugin="bench")
    return Order(
        asset=Asset(name="pump-1", bundle=str(bundle_file), sensor=sensor),
        candidate=str(candidate),
        model_id=loaded.model_id,
        state_dir=str(tmp_path),
        recorder=str(tmp_path / "recorder"),
    )


def test_both_score_the_recorded_past_and_what_they_take_is_measured(order: Order) -> None:
    outcome = backtest(order)
    assert outcome.refused is None
    past, costs = outcome.past, outcome.costs
    assert past is not None
    assert past.windows == 140  # all but the washout
    assert (past.incumbent_anomalies, past.extra, past.missed, past.lost) == (1, 0, 0, 0)
    assert past.shift is not None
    assert 0.5 < past.shift < 2.0
    assert past.rank is not None
    assert past.rank > 0.5
    assert costs is not None
    assert 0.0 < costs.candidate.p50_ms <= costs.candidate.p99_ms
    assert 0.0 <= costs.candidate.memory_mb < 50.0


def test_the_process_comes_to_the_same(order: Order) -> None:
    outcome = run_child(order)
    assert outcome.refused is None
    assert outcome.past == changed(backtest(order).past, busy_ms=outcome.past.busy_ms)  # type: ignore[union-attr,type-var]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"candidate": "/nothing.edgemodel"}, "/nothing.edgemodel: cannot be read"),
        ({"model_id": "0" * 16}, "is no longer the bundle that judges"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    order: Order, changes: dict[str, str], said: str
) -> None:
    outcome = run_child(changed(order, **changes))
    assert outcome.past is None
    assert outcome.refused is not None
    assert said in outcome.refused


def test_a_process_that_dies_says_how(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    assert run_child(order).refused == "the backtest ended with 1: nothing"


def test_without_recorded_windows_only_the_costs_are_known(order: Order, tmp_path: Path) -> None:
    outcome = backtest(changed(order, recorder=str(tmp_path / "empty")))
    assert (outcome.refused, outcome.past) == (None, None)
    assert outcome.costs is not None
