"""Trained from features with the input of the bundle that computed them: the same bundle."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.bundle import Bundle, BundleError
from edge_agent.calibration.series import DataError, Series
from edge_agent.recordings import Recording, RecordingOptions, open_recording, write_recording
from trainer.collected import read_collected
from trainer.data import input_spec, read_series
from trainer.recipe import PluginChoice, Recipe, load_recipe
from trainer.table import write_table

replace = msgspec.structs.replace
HEALTHY = 60


@pytest.fixture(scope="module")
def old(plain_bundle: bytes) -> Bundle:
    return Bundle.decode(plain_bundle, "old.edgemodel")


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """Without a network, and with the features of ``old``."""
    plain = load_recipe("weekly-profile")
    plugins = tuple(map(PluginChoice, ("rms", "kurtosis", "peak", "band_energies")))
    return replace(plain, season=None, features=replace(plain.features, plugins=plugins))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, vibration: Any) -> Recording:
    """Seventy windows in health, ten in which the machine is ten times as loud."""
    path = tmp_path_factory.mktemp("collected") / "r.npz"
    samples = np.concatenate((vibration(70, seed=4), vibration(10, 1.0, seed=5)))
    write_recording(path, samples, rate_hz=1024.0, unit="g", channels=["x"], start_ns=10**18)
    return open_recording(path)


@pytest.fixture(scope="module")
def from_samples(recorded: Recording, recipe: Recipe) -> Series:
    return read_series(recorded, recipe, input_spec(recorded, recipe, 256))


@pytest.fixture(scope="module")
def table(recorded: Recording, from_samples: Series) -> Path:
    path = recorded.path.with_name("t.csv")
    write_table(path, from_samples)
    return path


def _changed(table: Path, folder: Path, change: Callable[[list[str]], list[str]]) -> Recording:
    """The table with every line's cells as ``change`` makes them."""
    lines = [",".join(change(line.split(","))) for line in table.read_text().splitlines()]
    path = folder / "changed.csv"
    path.write_text("\n".join(lines) + "\n")
    return open_recording(path)


def test_the_series_is_the_one_that_samples_give(
    old: Bundle, table: Path, from_samples: Series
) -> None:
    series, origin = read_collected(open_recording(table), old)
    assert (series.input, series.features) == (old.manifest.flow.input, old.manifest.flow.features)
    for name in Series.__slots__:
        np.testing.assert_equal(getattr(series, name), getattr(from_samples, name), err_msg=name)
    assert origin.sha256 == old.sha256


def test_columns_are_told_by_their_names(
    old: Bundle, table: Path, from_samples: Series, tmp_path: Path
) -> None:
    backwards = _changed(table, tmp_path, lambda cells: [cells[0], *cells[:0:-1]])
    assert backwards.channels == from_samples.names[::-1]
    series, _ = read_collected(backwards, old)
    assert series.names == from_samples.names
    np.testing.assert_array_equal(series.vectors, from_samples.vectors)


def test_the_golden_windows_that_were_not_made_louder_are_taken_over(
    old: Bundle, table: Path
) -> None:
    _, origin = read_collected(open_recording(table), old)
    assert old.golden.at.tolist() == [0, 15, 35]
    np.testing.assert_array_equal([w.samples for w in origin.raw], old.golden.samples[:2])


@pytest.mark.usefixtures("without_pictures")
def test_the_bundle_decides_as_one_that_was_trained_from_the_samples(
    old: Bundle, recipe: Recipe, recorded: Recording, table: Path, from_samples: Series
) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'trainer'")
    pytest.importorskip("jinja2", reason="needs the extra 'trainer'")
    from trainer.train import Order, train

    order = Order(recipe, (0, HEALTHY), "pump", "1.0.0")
    direct = train(order, recorded, from_samples)
    rows = open_recording(table)
    series, origin = read_collected(rows, old)
    order = Order(recipe, (0, HEALTHY), "pump", "1.0.0", origin=origin)
    made = train(order, rows, series)
    assert made.manifest.flow == direct.manifest.flow
    assert made.manifest.flow.input == old.manifest.flow.input
    assert made.manifest.feature_hash == old.manifest.feature_hash
    assert made.evaluation == direct.evaluation
    assert made.evaluation.verdicts["all"].first_alarm in range(70, 73)
    assert direct.manifest.training.input_of is None
    assert made.manifest.training == replace(direct.manifest.training, input_of=old.sha256)
    golden = Bundle.decode(made.bundle).golden
    np.testing.assert_array_equal(golden.samples[:2], old.golden.samples[:2])
    # and is as good an origin as the old one
    again, further = read_collected(rows, Bundle.decode(made.bundle))
    np.testing.assert_array_equal(again.vectors, series.vectors)
    np.testing.assert_array_equal([w.samples for w in further.raw], [w.samples for w in origin.raw])


# --- what is refused


def test_other_features_are_refused_with_both(old: Bundle, table: Path, tmp_path: Path) -> None:
    fewer = _changed(table, tmp_path, lambda cells: cells[:-1])
    reason = r"changed\.csv: not collected with old\.edgemodel: it has the features x_rms, .*, the"
    reason += r" bundle x_rms, .*; only in one of them: x_band_energy_7$"
    with pytest.raises(DataError, match=reason):
        read_collected(fewer, old)


def test_another_unit_is_refused(old: Bundle, table: Path) -> None:
    rows = open_recording(table, RecordingOptions(unit="m/s2"))
    with pytest.raises(DataError, match=r"its unit is m/s2, the bundle's g$"):
        read_collected(rows, old)


def test_windows_of_another_distance_are_refused(old: Bundle, table: Path, tmp_path: Path) -> None:
    seen: list[str] = []

    def every_second(cells: list[str]) -> list[str]:
        seen.append(cells[0])
        minute, second = divmod(len(seen), 60)
        time = cells[0] if len(seen) == 1 else f"2024-01-01T00:{minute:02d}:{second:02d}Z"
        return [time, *cells[1:]]

    slower = _changed(table, tmp_path, every_second)
    with pytest.raises(DataError, match=r"its windows are 1 s apart, the bundle's 0\.25 s$"):
        read_collected(slower, old)


def test_samples_are_refused(old: Bundle, recorded: Recording) -> None:
    with pytest.raises(DataError, match=r"r\.npz: not collected .* it holds samples, allowed: fea"):
        read_collected(recorded, old)


def test_a_bundle_that_computes_no_features_is_refused(
    table: Path, features_bundle: bytes, general_bundle: bytes
) -> None:
    rows = open_recording(table)
    with pytest.raises(DataError, match=r"table\.edgemodel: input\.kind is features"):
        read_collected(rows, Bundle.decode(features_bundle, "table.edgemodel"))
    with pytest.raises(BundleError, match=r"any\.edgemodel: form is general"):
        read_collected(rows, Bundle.decode(general_bundle, "any.edgemodel"))


@pytest.mark.parametrize(
    ("option", "value"), [("--window", "256"), ("--channels", "x"), ("--detector", "baseline")]
)
def test_what_the_bundle_says_is_not_said_again(
    edge_trainer: Any, table: Path, bundle_file: Path, tmp_path: Path, option: str, value: str
) -> None:
    out = tmp_path / "new.edgemodel"
    given = ("--data", table, "--healthy", "0:60", "--input-of", bundle_file, "--out", out)
    ended = edge_trainer("train", *given, option, value)
    assert ended.returncode == os.EX_USAGE
    assert f"{option} is not for --input-of, whose bundle says input and features" in ended.stderr
    assert not out.exists()
