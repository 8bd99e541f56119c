"""Parquet: samples and features by the same rules as CSV."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.recordings import ExtraMissingError, RecordingOptions, open_recording

pyarrow = pytest.importorskip("pyarrow", reason="needs the extra 'formats'")
parquet = pytest.importorskip("pyarrow.parquet")

Samples = Callable[..., NDArray[np.float32]]
Refusal = Callable[..., str]
START = datetime(2024, 3, 1, tzinfo=UTC)


def write(folder: Path, columns: dict[str, Any]) -> Path:
    path = folder / "pump.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    return path


def test_columns_are_channels_of_samples(tmp_path: Path, samples_of: Samples) -> None:
    x = np.linspace(0, 1, 70_000)
    path = write(tmp_path, {"x": x, "y": np.arange(70_000, dtype=np.int16)})
    recording = open_recording(path, RecordingOptions(rate_hz=1000.0, unit="g"))
    assert recording.kind == "samples"
    assert recording.channels == ("x", "y")
    assert (recording.rate_hz, recording.unit, recording.length) == (1000.0, "g", 70_000)
    assert np.array_equal(samples_of(path, rate_hz=1000.0)[:, 0], x.astype(np.float32))


def test_a_time_column_gives_the_start_of_samples(tmp_path: Path) -> None:
    path = write(tmp_path, {"time": [START, START], "x": [1.0, 2.0]})
    recording = open_recording(path, RecordingOptions(rate_hz=1.0))
    assert recording.channels == ("x",)
    assert next(recording.blocks()).start_ns == int(START.timestamp()) * 10**9


@pytest.mark.parametrize(
    "times",
    [
        pyarrow.array([0, 600 * 10**9], pyarrow.timestamp("ns", tz="UTC")),
        pyarrow.array([0, 600 * 10**3], pyarrow.timestamp("ms")),
        pyarrow.array(["1970-01-01T00:00:00", "1970-01-01T00:10:00"]),
        pyarrow.array([0.0, 600.0]),
    ],
)
def test_features_have_times_of_any_type(
    tmp_path: Path,
    samples_of: Samples,
    times: Any,
) -> None:
    path = write(tmp_path, {"time": times, "b1_kurt": [1.5, None], "b1_rms": [1, 2]})
    recording = open_recording(path)
    assert recording.kind == "features"
    assert recording.channels == ("b1_kurtosis", "b1_rms")
    assert (recording.period_s, recording.length) == (600.0, 2)
    assert [block.start_ns for block in recording.blocks()] == [0, 600 * 10**9]
    assert samples_of(path)[0].tolist() == [1.5, 1.0]
    assert np.isnan(samples_of(path)[1, 0])


@pytest.mark.parametrize(
    ("columns", "options", "problem"),
    [
        ({"x": [1.0]}, {}, "a header of x, neither a time nor CHANNEL_FEATURE, states no sampling"),
        ({"x": []}, {"rate_hz": 1.0}, "has no rows"),
        ({"x": ["a"]}, {"rate_hz": 1.0}, "column x holds string, allowed: integers or floating"),
        ({"x": [1.0, None]}, {"rate_hz": 1.0}, "rows: sample 1 of channel x is nan"),
        ({"time": [1.0]}, {"rate_hz": 1.0}, "has 0 channels, allowed: 1 to 256"),
        ({"time": ["soon"], "x": [1.0]}, {"rate_hz": 1.0}, "row 0 of column time is 'soon'"),
        ({"x_rms": [1.0]}, {"rate_hz": 1.0}, "is a table of features (x_rms)"),
        ({"x_rms": [1.0, 2.0], "time": [5, 5]}, {}, "row 1, column 2 (time): found '5', allowed"),
        ({"x_rms": ["a"]}, {}, "row 0, column 1 (x_rms): found 'a', allowed: a number"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    tmp_path: Path,
    refusal_of: Refusal,
    columns: dict[str, Any],
    options: dict[str, Any],
    problem: str,
) -> None:
    assert problem in refusal_of(write(tmp_path, columns), **options)


def test_a_truncated_file_is_refused(tmp_path: Path, refusal_of: Refusal) -> None:
    path = write(tmp_path, {"x": [1.0]})
    path.write_bytes(path.read_bytes()[:-10])
    assert "is no readable Parquet file" in refusal_of(path, rate_hz=1.0)


def test_a_missing_extra_is_named(
    tmp_path: Path, refusal_of: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, {"x": [1.0]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    needed = "reading Parquet files needs the extra 'formats': pip install 'edge-agent[formats]'"
    assert needed in refusal_of(path, rate_hz=1.0)
    with pytest.raises(ExtraMissingError):
        open_recording(path)
