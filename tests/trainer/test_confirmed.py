"""What people confirmed to be a fault is not learned as health."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.calibration.series import Series
from edge_agent.pipeline.alarm import AlarmSpec
from edge_agent.recordings import RecordingError, open_recording
from edge_agent.recordings.feature_store import FeatureStore
from trainer.cli.detector import detector_recipe
from trainer.confirmed import kept_out
from trainer.evaluate_bundle import Known
from trainer.general import Asset
from trainer.outcome import Outcome, Truth, measure_all, outcome_of_ratios
from trainer.recipe import load_recipe
from trainer.table import write_table

PERIOD_S = 60.0
FAULT = slice(30, 40)
HEALTHY = (0, 100)
WriteLabels = Callable[..., Path]


@pytest.fixture
def series(make_series: Any) -> Series:
    """A hundred windows of health, in ten of which a fault was confirmed, then it is back."""
    rms = 0.1 * np.exp(0.03 * np.random.default_rng(3).standard_normal(120))
    rms[FAULT] *= 5.0
    rms[110:] *= 5.0
    made: Series = make_series(rms, ("a_rms",), period_s=PERIOD_S)
    return dataclasses.replace(made, end_ns=made.start_ns + round(PERIOD_S * 1e9))


@pytest.fixture
def write_labels() -> WriteLabels:
    """``write_labels(folder, label=slice of windows, ...)``: one anomaly each."""

    def write(folder: Path, **spans: slice) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "labels.jsonl"
        path.write_text("\n".join(_line(label, span) for label, span in spans.items()))
        return path

    return write


def _line(label: str, windows: slice) -> str:
    minutes = [f"1970-01-01T00:{minute:02}:00Z" for minute in (windows.start, windows.stop)]
    said = {
        "schema": "edge-agent/label/1",
        "id": label,
        "gateway": "gw-1",
        "asset": "pump-1",
        "start": minutes[0],
        "end": minutes[1],
        "label": label,
        "anomaly_id": label,
        "number": 1,
        "severity": 2.0,
        "closed": True,
        "at": "1970-01-02T00:00:00Z",
        "by": "kim",
    }
    return msgspec.json.encode(said).decode()


def test_windows_of_a_confirmed_fault_are_kept_out_and_of_a_rejected_one_not(
    series: Series, tmp_path: Path, write_labels: WriteLabels
) -> None:
    file = write_labels(tmp_path, confirmed=FAULT, rejected=slice(5, 9))
    flags = kept_out(tmp_path / "table.csv", series, file)
    assert flags is not None
    assert np.flatnonzero(flags).tolist() == list(range(30, 40))


@pytest.mark.parametrize("part", ["", "gateway=gw-1", "gateway=gw-1/asset=pump-1"])
def test_the_labels_beside_the_features_of_a_store_are_asked(
    series: Series, tmp_path: Path, write_labels: WriteLabels, part: str
) -> None:
    asset = tmp_path / "gateway=gw-1" / "asset=pump-1"
    write_labels(asset, confirmed=FAULT)
    (asset / "day=1970-01-01").mkdir()
    for data in (tmp_path / part, asset / "day=1970-01-01"):
        flags = kept_out(data, series)
        assert flags is not None
        assert flags.sum() == 10


def test_where_nobody_was_asked_nothing_is_kept_out(series: Series, tmp_path: Path) -> None:
    (tmp_path / "asset=pump-1" / "day=1970-01-01").mkdir(parents=True)
    assert kept_out(tmp_path, series) is None
    assert kept_out(tmp_path / "table.csv", series) is None


def test_labels_of_several_assets_are_refused(
    series: Series, tmp_path: Path, write_labels: WriteLabels
) -> None:
    for asset in ("pump-1", "pump-2"):
        write_labels(tmp_path / f"asset={asset}", confirmed=FAULT)
    with pytest.raises(RecordingError, match=r"holds 2 files labels\.jsonl, allowed: one"):
        kept_out(tmp_path / "table.csv", series, tmp_path)


def test_a_channel_of_a_general_network_learns_without_them(series: Series) -> None:
    flags = np.zeros(120, dtype=np.bool_)
    flags[FAULT] = flags[110:] = True
    truth = Asset("pump", series, HEALTHY, flags).truth(series)
    assert truth.left_out == 10
    assert np.flatnonzero(np.isnan(truth.learnable.vectors[:, 0])).tolist() == list(range(30, 40))
    assert np.flatnonzero(truth.in_health).tolist() == [*range(30), *range(40, 100)]


def test_in_a_store_no_alarm_of_theirs_is_judged_false(
    series: Series, tmp_path: Path, write_labels: WriteLabels
) -> None:
    asset = tmp_path / "gateway=gw-1" / "asset=pump-1"
    write_labels(asset, confirmed=FAULT)
    (asset / "day=1970-01-01").mkdir()
    store = FeatureStore(asset, series.names, None, PERIOD_S, ())
    known = Known(healthy=HEALTHY)
    here, there = known.truth(store, series), known.quiet(store, series)
    assert here.left_out == there.left_out == 10

    def watch(given: Series) -> Outcome:
        return outcome_of_ratios(given.vectors[:, 0] / 0.3, AlarmSpec())

    found = [
        *measure_all({"judged on it": watch}, here).values(),
        *measure_all({"on another": watch}, Truth(series), there).values(),
        *measure_all({"nobody asked": watch}, Truth(series, HEALTHY)).values(),
    ]
    assert [verdicts.alarms_in_healthy for verdicts in found] == [0, 0, 1]


@pytest.mark.usefixtures("without_pictures")
def test_a_bundle_is_the_one_that_the_other_windows_make(series: Series, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'trainer'")
    pytest.importorskip("jinja2", reason="needs the extra 'trainer'")
    from trainer.train import Order, train

    flags = np.zeros(120, dtype=np.bool_)
    flags[FAULT] = flags[110:] = True
    inside = flags & (np.arange(120) < HEALTHY[1])
    write_table(tmp_path / "pump.csv", series)
    recording = open_recording(tmp_path / "pump.csv")
    order = Order(load_recipe("rms-3-sigma"), HEALTHY, "pump", "1.0.0", confirmed=flags)

    made = train(order, recording, series)
    same = train(dataclasses.replace(order, confirmed=None), recording, series.without(inside))

    assert made.manifest.flow == same.manifest.flow
    assert made.manifest.training == same.manifest.training
    assert made.manifest.training.windows == 90
    found = made.evaluation
    whole = found.verdicts["all"]
    assert (found.confirmed_left_out, whole.alarms_in_healthy) == (10, 0)
    assert [alarm.opened in range(30, 34) for alarm in whole.alarms] == [True, False]
    assert whole.first_alarm in range(110, 114)
    assert whole.lead is not None
    assert whole.lead.problem != "an alarm in the healthy part, window 30"
    assert "90 of them used; 10 windows of confirmed faults left out" in made.report.decode()
    assert "left out" not in same.report.decode()


def test_the_command_says_how_many_were_left_out(
    series: Series, tmp_path: Path, write_labels: WriteLabels, edge_trainer: Any
) -> None:
    write_table(tmp_path / "pump.csv", series)
    ended = edge_trainer(
        *("train", "--data", tmp_path / "pump.csv", "--healthy", "0:100"),
        *("--recipe", "rms-3-sigma", "--out", tmp_path / "p.edgemodel"),
        *("--confirmed", write_labels(tmp_path, confirmed=FAULT)),
    )
    assert ended.returncode == 0, ended.stderr
    assert "healthy part 0:100: 0 alarms, 10 windows of confirmed faults left out" in ended.stdout


def test_the_best_baseline_is_chosen_without_them(
    series: Series, tmp_path: Path, write_labels: WriteLabels, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = np.zeros(120, dtype=np.bool_)
    flags[FAULT] = True
    write_table(tmp_path / "pump.csv", series)
    write_table(tmp_path / "without.csv", series.without(flags))
    labels = write_labels(tmp_path, confirmed=FAULT)
    chosen, told = [], []
    for name, confirmed in (("pump", labels), ("without", None), ("pump", None)):
        chosen.append(_chosen(tmp_path / f"{name}.csv", confirmed))
        told.append(capsys.readouterr().err)
    assert (chosen[0], told[0]) == (chosen[1], told[1])
    assert told[0] != told[2]


def _chosen(data: Path, confirmed: Path | None) -> str:
    nothing: dict[str, Any] = dict.fromkeys(("window", "hop", "rate_hz", "unit"))
    return detector_recipe(
        *("baseline", "rms-3-sigma", HEALTHY, confirmed),
        **nothing,
        data=data,
        context=(),
        channels=(),
        decimate=1,
    )


@pytest.mark.usefixtures("tensorflow")
def test_a_general_bundle_has_no_labels_of_its_own(
    tmp_path: Path, write_labels: WriteLabels, edge_trainer: Any
) -> None:
    labels = write_labels(tmp_path, confirmed=FAULT)
    ended = edge_trainer(
        *("train", "--general", "--data", "a.csv", "--healthy", "0:9"),
        *("--out", tmp_path / "g.edgemodel", "--confirmed", labels),
    )
    assert ended.returncode == os.EX_USAGE
    assert "--confirmed: each store has the labels of its own" in ended.stderr
