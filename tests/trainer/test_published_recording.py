"""A row that a reader took for a header is missing in every file."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.bundle import Bundle
from edge_agent.calibration.series import DataError
from edge_agent.recordings import Recording, open_recording, write_recording
from trainer.data import input_spec, read_series
from trainer.evaluate import Evaluation
from trainer.published import PublishedFaults
from trainer.published_recording import recording_as_published
from trainer.recipe import load_recipe
from trainer.table import write_table

LOST = PublishedFaults(first_row_lost=True)


def _samples(*shape: int) -> Any:
    return np.random.default_rng(2).normal(0.0, 0.1, shape).astype(np.float32)


def _bursts(folder: Path, count: int = 30) -> Recording:
    path = folder / "bursts.npz"
    samples = _samples(count, 64, 1)
    samples[:, 0] = 9.0
    write_recording(path, samples, rate_hz=1000.0, unit="g", channels=("x",), period_s=60.0)
    return open_recording(path)


def test_every_burst_is_a_file_and_loses_its_first_row(tmp_path: Path) -> None:
    whole = _bursts(tmp_path)
    lost = recording_as_published(LOST, whole)
    assert (lost.burst_length, lost.length, lost.period_s) == (63, 30, 60.0)
    for before, after in zip(whole.blocks(), lost.blocks(), strict=True):
        np.testing.assert_array_equal(after.samples, before.samples[1:])
        assert after.start_ns == before.start_ns + 1_000_000


def test_continuous_samples_are_one_file(tmp_path: Path) -> None:
    samples = _samples(500, 2)
    write_recording(tmp_path / "c.npz", samples, rate_hz=1000.0, unit="g", channels=("x", "y"))
    lost = recording_as_published(LOST, open_recording(tmp_path / "c.npz"))
    assert (lost.burst_length, lost.length, lost.channels) == (None, 499, ("x", "y"))
    np.testing.assert_array_equal(
        np.concatenate([block.samples for block in lost.blocks()]), samples[1:]
    )


def test_features_have_lost_it_already_or_never_will(make_series: Any, tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", make_series(np.ones(30), ("a_mean_abs",)))
    table = open_recording(tmp_path / "t.csv")
    with pytest.raises(DataError, match="first_row_lost: it holds features, allowed: files of sam"):
        recording_as_published(LOST, table)
    assert recording_as_published(load_recipe("larzalere").published, table) is table


def test_the_features_are_those_of_the_rows_that_are_left(tmp_path: Path) -> None:
    recipe = load_recipe("larzalere")
    lost = recording_as_published(LOST, _bursts(tmp_path))
    series = read_series(lost, recipe, input_spec(lost, recipe))
    assert series.names == ("x_mean_abs",)
    assert series.vectors.max() < 1.0  # without the 9 at the head of each file


@pytest.mark.training
@pytest.mark.usefixtures("tensorflow")
def test_the_bundle_runs_and_its_report_names_the_fault(tmp_path: Path, edge_trainer: Any) -> None:
    _bursts(tmp_path, 60)
    ended = edge_trainer(
        *("train", "--data", tmp_path / "bursts.npz", "--healthy", "0:50", "--json"),
        *("--recipe", "larzalere", "--published", "first_row_lost"),
        *("--out", tmp_path / "l.edgemodel"),
    )
    assert ended.returncode == 0, ended.stderr
    assert msgspec.json.decode(ended.stdout, type=Evaluation).windows == 60
    bundle = Bundle.read(tmp_path / "l.edgemodel")
    bundle.verify_golden()
    assert bundle.manifest.flow.input.length == 63
    assert "the first row of every file was taken for a header" in (bundle.report or b"").decode()
