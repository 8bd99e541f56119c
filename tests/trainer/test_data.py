from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.features import FeatureExtractor
from edge_agent.plugin import FeatureError
from edge_agent.recordings import Recording, open_recording, write_recording
from trainer.data import input_spec, raw_windows, read_series
from trainer.recipe import PluginChoice, Recipe, load_recipe

DEFAULT = load_recipe("default")


def _recorded(
    path: Path, samples: NDArray[np.float32], period_s: float | None = None, **facts: Any
) -> Recording:
    channels = tuple("xyz"[: samples.shape[-1]])
    given: dict[str, Any] = {
        "rate_hz": 1024.0,
        "unit": "g",
        "channels": channels,
        "start_ns": 0,
    } | facts
    write_recording(path, samples, period_s=period_s, **given)
    return open_recording(path)


def _noise(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(5).standard_normal(shape).astype(np.float32)


def _with_plugins(*plugins: str) -> Recipe:
    choice = msgspec.structs.replace(
        DEFAULT.features, plugins=tuple(PluginChoice(p) for p in plugins)
    )
    return msgspec.structs.replace(DEFAULT, features=choice)


def _table(path: Path, *names: str, rows: int = 5) -> Recording:
    lines = [f"2024-01-01T00:{i:02d}:00Z" + f",{i + 1}.5" * len(names) for i in range(rows)]
    path.write_text("\n".join([",".join(("time", *names)), *lines]) + "\n")
    return open_recording(path)


@pytest.mark.parametrize(
    ("length", "hop", "expected"),
    [
        (None, None, (4096, 4096)),
        (1000, None, (1000, 1000)),
        (1000, 500, (1000, 500)),
        (None, 10, (4096, 10)),
    ],
)
def test_continuous_samples_are_cut_as_the_user_says_else_as_the_recipe(
    tmp_path: Path, length: int | None, hop: int | None, expected: tuple[int, int]
) -> None:
    recording = _recorded(tmp_path / "r.npz", _noise(8192, 1))
    spec = input_spec(recording, DEFAULT, length, hop)
    assert (spec.length, spec.hop) == expected
    assert (spec.rate_hz, spec.unit, spec.period_s) == (1024.0, "g", None)


def test_a_burst_is_one_window(tmp_path: Path) -> None:
    recording = _recorded(tmp_path / "r.npz", _noise(6, 300, 2), 60.0)
    spec = input_spec(recording, DEFAULT)
    assert (spec.length, spec.hop, spec.period_s) == (300, 300, 60.0)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"length": 301}, "window is 301 samples, allowed: 1 to 300"),
        ({"hop": 10**9}, "input.hop is 1000000000, allowed: 1 to"),
    ],
)
def test_windows_that_cannot_be_cut_are_refused_with_the_file(
    tmp_path: Path, given: dict[str, Any], reason: str
) -> None:
    recording = _recorded(tmp_path / "r.npz", _noise(6, 300, 2), 60.0)
    with pytest.raises(DataError, match=rf"r\.npz: {reason}"):
        input_spec(recording, DEFAULT, **given)


def test_a_feature_table_has_no_windows_to_choose(tmp_path: Path) -> None:
    recording = _table(tmp_path / "t.csv", "a_rms")
    with pytest.raises(DataError, match="a feature table has no samples"):
        input_spec(recording, DEFAULT, 1024)
    assert input_spec(recording, DEFAULT, 1, 1).length == 1


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (("a_rms", "a_mean", "a_std", "a_max", "a_kurt"), ("a_rms", "a_peak", "a_kurtosis")),
        (("a_rms", "a_velocity_rms", "a_peak_to_peak"), ("a_rms",)),
        (
            ("a_mean", "a_band_energy_0", "a_band_energy_11"),
            ("a_band_energy_0", "a_band_energy_11"),
        ),
        (("value",), ("value",)),
        (("a_std", "speed"), ("a_std", "speed")),
    ],
)
def test_a_table_gives_the_recipes_columns_or_where_it_has_none_all(
    tmp_path: Path, names: tuple[str, ...], taken: tuple[str, ...]
) -> None:
    assert input_spec(_table(tmp_path / "t.csv", *names), DEFAULT).channels == taken


def _series(recording: Recording, recipe: Recipe = DEFAULT, length: int | None = None) -> Series:
    return read_series(recording, recipe, input_spec(recording, recipe, length))


def test_vectors_are_those_of_the_feature_extractor(tmp_path: Path) -> None:
    samples = _noise(2048, 2)
    series = _series(_recorded(tmp_path / "r.npz", samples), length=256)
    extractor = FeatureExtractor(series.features, series.input.feature_input())
    expected = [extractor.compute(part)[0] for part in samples.reshape(8, 256, 2)]
    assert series.names == extractor.names
    np.testing.assert_array_equal(series.vectors, np.array(expected))
    np.testing.assert_array_equal(series.start_ns, np.arange(8) * 250_000_000)
    np.testing.assert_array_equal(series.end_ns, series.start_ns + 250_000_000)
    assert not series.gap.any()


def test_rows_of_a_table_are_vectors_and_a_missing_row_is_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "time,a_rms,a_kurtosis\n2024-01-01T00:00:00Z,1,2\n2024-01-01T00:01:00Z,3,\n"
        "2024-01-01T00:02:00Z,5,6\n2024-01-01T00:03:00Z,5,6\n2024-01-01T00:09:00Z,7,8\n"
    )
    series = _series(open_recording(path))
    expected = [[1, 2], [3, np.nan], [5, 6], [5, 6], [7, 8]]
    np.testing.assert_array_equal(series.vectors, np.array(expected, dtype=np.float32))
    assert series.gap.tolist() == [False, False, False, False, True]
    assert series.features == ()


def test_a_window_that_cannot_be_computed_is_a_row_of_nan(tmp_path: Path) -> None:
    samples = _noise(4, 256, 1)
    # a number of float32 whose square is none
    samples[2, 10] = 3e38
    series = _series(_recorded(tmp_path / "r.npz", samples, 60.0))
    assert np.isnan(series.vectors).all(axis=1).tolist() == [False, False, True, False]


def test_where_no_window_can_be_computed_the_reason_is_told(tmp_path: Path) -> None:
    samples = np.full((4, 256, 1), 3e38, dtype=np.float32)
    samples[:, ::2] *= -1.0
    recording = _recorded(tmp_path / "r.npz", samples, 60.0)
    with pytest.raises(DataError, match=r"none of 4 windows can be computed: .*not finite"):
        _series(recording)


def test_a_recording_shorter_than_a_window_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no window of 4096 samples found"):
        _series(_recorded(tmp_path / "r.npz", _noise(100, 1)))


def test_a_feature_that_needs_a_unit_says_so(tmp_path: Path) -> None:
    recording = _recorded(tmp_path / "r.npz", _noise(4096, 1), unit=None)
    with pytest.raises(FeatureError, match="unit"):
        _series(recording, _with_plugins("velocity_rms"))


def _progress_of(recording: Recording, length: int | None) -> tuple[list[tuple[int, Any]], int]:
    seen: list[tuple[int, Any]] = []

    def progress(done: int, total: int | None) -> None:
        seen.append((done, total))

    spec = input_spec(recording, DEFAULT, length)
    return seen, len(read_series(recording, DEFAULT, spec, progress).vectors)


def test_progress_counts_every_window_of_as_many_as_there_are(tmp_path: Path) -> None:
    for recording, length in (
        (_recorded(tmp_path / "b.npz", _noise(6, 300, 1), 60.0), 150),
        (_recorded(tmp_path / "s.npz", _noise(1000, 1)), 150),
        (_table(tmp_path / "t.csv", "a_rms", rows=7), None),
    ):
        seen, n = _progress_of(recording, length)
        assert seen == [(i + 1, n) for i in range(n)], recording.path


def test_the_digest_tells_vectors_and_names_apart(make_series: Any) -> None:
    vectors = np.arange(20.0).reshape(10, 2)
    series = make_series(vectors, ("a", "b"))
    assert series.digest(0, 5) == make_series(vectors[:7], ("a", "b")).digest(0, 5)
    assert series.digest(0, 5) != series.digest(0, 6)
    assert series.digest(0, 5) != make_series(vectors, ("a", "c")).digest(0, 5)


def test_raw_windows_are_those_asked_for(tmp_path: Path) -> None:
    samples = _noise(10, 64, 1)
    recording = _recorded(tmp_path / "r.npz", samples, 60.0)
    found = raw_windows(recording, input_spec(recording, DEFAULT), [1, 2, 7])
    np.testing.assert_array_equal(np.array([w.samples for w in found]), samples[[1, 2, 7]])


# --- context


def test_a_speed_beside_a_vibration_is_context_by_itself(tmp_path: Path) -> None:
    spec = input_spec(_table(tmp_path / "t.csv", "Speed", "a_rms", "note", "a_peak"), DEFAULT)
    assert spec.channels == ("a_rms", "a_peak", "Speed")
    assert spec.context == ("Speed",)


def test_a_load_alone_is_what_is_watched(tmp_path: Path) -> None:
    spec = input_spec(_table(tmp_path / "t.csv", "load", "temperature"), DEFAULT)
    assert spec.context == ()
    assert spec.channels == ("load", "temperature")


def test_the_user_names_further_context(tmp_path: Path) -> None:
    table = _table(tmp_path / "t.csv", "a_rms", "torque", "rpm")
    spec = input_spec(table, DEFAULT, context=("torque",))
    assert spec.channels == ("a_rms", "torque", "rpm")
    assert spec.context == ("torque", "rpm")
    with pytest.raises(DataError, match=r"t\.csv: context weather not found, allowed: a_rms, torq"):
        input_spec(table, DEFAULT, context=("weather",))
    with pytest.raises(DataError, match=r"input\.context is .* but not all"):
        input_spec(table, DEFAULT, context=("a_rms", "torque"))
