"""What ``edge-trainer features`` writes reads back as what was computed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_agent.recordings import open_recording
from trainer.data import input_spec, read_series
from trainer.recipe import load_recipe
from trainer.table import write_table

NUMBERS = st.floats(-float(np.float32(3.4e38)), float(np.float32(3.4e38)), width=32)
DEFAULT = load_recipe("default")


@settings(max_examples=30)
@given(vectors=arrays(np.float32, (6, 2), elements=NUMBERS))
def test_every_float32_comes_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, make_series: Any, vectors: Any
) -> None:
    path = tmp_path_factory.mktemp("table") / "t.csv"
    write_table(path, make_series(vectors, ("a_rms", "a_kurtosis")))
    recording = open_recording(path)
    series = read_series(recording, DEFAULT, input_spec(recording, DEFAULT))
    np.testing.assert_array_equal(series.vectors, vectors)


def test_names_times_gaps_and_missing_numbers_come_back(tmp_path: Path, make_series: Any) -> None:
    vectors = np.arange(30, dtype=np.float32).reshape(10, 3)
    vectors[4] = np.nan
    written = make_series(vectors, ("a_rms", "a_peak", "b_skewness"), period_s=0.5)
    written.start_ns[6:] += 3 * 10**9
    path = tmp_path / "t.csv"
    write_table(path, written)
    recording = open_recording(path)
    read = read_series(recording, DEFAULT, input_spec(recording, DEFAULT))
    assert read.names == written.names
    np.testing.assert_array_equal(read.vectors, written.vectors)
    np.testing.assert_array_equal(read.start_ns, written.start_ns)
    assert np.flatnonzero(read.gap).tolist() == [6]
    assert recording.period_s == 0.5


def test_a_table_that_cannot_be_finished_leaves_the_old_one(
    tmp_path: Path, make_series: Any
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("old")
    series = make_series(np.ones((3, 1)), ("a_rms",))
    torn = replace(series, start_ns=series.start_ns[:2])
    with pytest.raises(ValueError, match="longer"):
        write_table(path, torn)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named_with_the_table(
    tmp_path: Path, make_series: Any
) -> None:
    path = tmp_path / "nowhere" / "t.csv"
    with pytest.raises(FileNotFoundError) as caught:
        write_table(path, make_series(np.ones((3, 1)), ("a_rms",)))
    assert caught.value.filename == str(path)
