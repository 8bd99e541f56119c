"""Feature tables: what columns mean, times, missing values, and what is refused."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.recordings import RecordingOptions, open_recording
from edge_agent.recordings.row_times import time_ns

Samples = Callable[..., NDArray[np.float32]]
Refusal = Callable[..., str]
IMS = """file_index,file_name,timestamp,b1_rms,b1_max,b1_kurt,b2_skew,b2_mean_abs
0,2004.02.12.10.32.39,2004-02-12 10:32:39,0.07,0.4,0.6,-0.1,0.05
1,2004.02.12.10.42.39,2004-02-12 10:42:39,0.08,0.5,0.7,-0.2,0.06
2,2004.02.12.10.52.39,2004-02-12 10:52:39,0.09,0.6,0.8,-0.3,0.07
3,2004.02.12.11.22.39,2004-02-12 11:22:39,0.09,0.6,0.8,-0.3,0.07
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def to_file(text: str, name: str = "features.csv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


Write = Callable[..., Path]


def test_every_row_is_a_block_with_its_time(write: Write, samples_of: Samples) -> None:
    recording = open_recording(write(IMS))
    assert recording.kind == "features"
    assert recording.channels == (
        "b1_rms",
        "b1_peak",
        "b1_kurtosis",
        "b2_skewness",
        "b2_mean_abs",
    )
    assert (recording.rate_hz, recording.unit, recording.period_s) == (None, None, 600.0)
    assert (recording.length, recording.burst_length) == (4, 1)
    blocks = list(recording.blocks())
    assert (
        blocks[0].start_ns == int(datetime(2004, 2, 12, 10, 32, 39, tzinfo=UTC).timestamp()) * 10**9
    )
    assert [block.gap_before for block in blocks] == [False, False, False, True]
    assert samples_of(recording.path)[1].tolist() == pytest.approx([0.08, 0.5, 0.7, -0.2, 0.06])


def test_a_channel_means_all_of_its_columns(write: Write) -> None:
    path = write(IMS)

    def columns(*wanted: str) -> tuple[str, ...]:
        return open_recording(path, RecordingOptions(channels=wanted)).channels

    assert columns("b1") == ("b1_rms", "b1_peak", "b1_kurtosis")
    assert columns("1") == ("b2_skewness", "b2_mean_abs")
    assert columns("b2", "b1_rms") == ("b2_skewness", "b2_mean_abs", "b1_rms")


def test_an_unknown_feature_belongs_to_a_channel_that_is_known(write: Write) -> None:
    path = write("time,b1_rms,b1_bpfo,load\n0,1,2,3\n60,1,2,3\n")
    recording = open_recording(path, RecordingOptions(channels=("b1",)))
    assert recording.channels == ("b1_rms", "b1_bpfo")


def test_other_columns_are_series_under_their_own_names(write: Write) -> None:
    recording = open_recording(
        write("timestamp,value\n2014-07-01 00:00:00,5\n2014-07-01 00:30:00,6\n")
    )
    assert recording.channels == ("value",)
    assert recording.period_s == 1800.0


def test_row_numbers_and_labels_are_no_features(write: Write) -> None:
    recording = open_recording(write(",time,x_rms,label\n0,0,1,0\n1,60,2,1\n"))
    assert recording.channels == ("x_rms",)


def test_a_table_without_times_has_a_row_a_minute(write: Write) -> None:
    recording = open_recording(write("x_rms\n1\n2\n"))
    assert recording.period_s == 60.0
    assert [block.start_ns for block in recording.blocks()] == [0, 60 * 10**9]


def test_ims_file_names_serve_as_times_where_there_are_no_others(write: Write) -> None:
    recording = open_recording(write("file_name,x\n2004.02.12.10.32.39,1\n2004.02.12.10.42.39,2\n"))
    assert recording.period_s == 600.0
    recording = open_recording(write("file_name,x_rms\nacc_00001.csv,1\nacc_00002.csv,2\n"))
    assert recording.period_s == 60.0


def test_columns_of_metrics_in_a_text_file_are_features(write: Write) -> None:
    recording = open_recording(write("0.1,0.2,0.3\n0.1,0.2,0.3\n", "machine-1-1.txt"))
    assert recording.kind == "features"
    assert recording.channels == ("c1", "c2", "c3")
    assert (recording.period_s, recording.length) == (60.0, 2)


@pytest.mark.parametrize("missing", ["", " ", "nan", "NaN", "NA", "n/a", "null"])
def test_a_missing_value_is_nan_in_its_row(write: Write, samples_of: Samples, missing: str) -> None:
    samples = samples_of(write(f"time,x_rms,y_rms\n0,1,2\n60,{missing},4\n120,5,6\n"))
    assert np.isnan(samples).tolist() == [[False, False], [True, False], [False, False]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x_rms\n", "has no rows, allowed: one row of features a window"),
        ("time,label\n0,1\n", "has no columns of values among time, label"),
        ("time,x_rms\n0,1\n60\n", "line 3 has 1 columns, allowed: 2 as in line 1"),
        ("time,x_rms\n0,1\n60,high\n", "line 3, column 2 (x_rms): found 'high', allowed: a number"),
        ("time,x_rms\n0,1\n60,inf\n", "line 3, column 2 (x_rms): found 'inf', allowed: a finite"),
        ("time,x_rms\n0,1\n60,1e40\n", "line 3, column 2 (x_rms): found '1e40', allowed: a finite"),
        ("time,x_rms\n0,1\nlater,2\n", "line 3, column 1 (time): found 'later', allowed: ISO 8601"),
        ("time,x_rms\n60,1\n60,2\n", "line 3, column 1 (time): found '60', allowed: a time after"),
        ("time,x_rms\n-60,1\n", "line 2, column 1 (time): found '-60', allowed"),
        ("time,x_rms,y_rms\n0,,2\n60,,2\n", "column 2 (x_rms) holds no number at all"),
        ("time,x_max,x_peak\n0,1,1\n", "has several columns for x_peak, allowed: one for each"),
        ("time,x\n0,1\n0.001,2\n", "rows are 0.001 s apart, too close for a table of features"),
        ('time,x_rms\n0,"1\n', "line 2"),
        ("time,x_rms\n0,1\x00\n", "line 2, column 2"),
    ],
)
def test_a_damaged_table_is_refused_with_the_place(
    write: Write, refusal_of: Refusal, text: str, problem: str
) -> None:
    assert problem in refusal_of(write(text))


def test_features_have_no_rate_and_cannot_be_decimated(write: Write, refusal_of: Refusal) -> None:
    path = write(IMS)
    assert "has no sampling rate: leave out --rate-hz" in refusal_of(path, rate_hz=20_000.0)
    assert "table of features, which --decimate 2 cannot be applied to" in refusal_of(
        path, decimate=2
    )


def test_an_unknown_channel_is_refused_with_those_there_are(
    write: Write, refusal_of: Refusal
) -> None:
    refusal = refusal_of(write(IMS), channels=("b3",))
    assert "has no channel 'b3', allowed: b1, b2, or a number from 0 to 1" in refusal


@pytest.mark.parametrize(
    ("cell", "column", "expected_ns"),
    [
        ("2004-02-12 10:32:39", "timestamp", 1_076_581_959 * 10**9),
        ("2004-02-12T11:32:39+01:00", "timestamp", 1_076_581_959 * 10**9),
        ("2004.02.12.10.32.39", "file", 1_076_581_959 * 10**9),
        ("20040212", "date", 1_076_544_000 * 10**9),
        ("1076581959", "time", 1_076_581_959 * 10**9),
        ("1076581959.25", "time", 1_076_581_959_250_000_000),
        ("1076581959123", "time", 1_076_581_959_123_000_000),
        ("1076581959123456", "time", 1_076_581_959_123_456_000),
        ("1076581959123456789", "time", 1_076_581_959_123_456_789),
        ("5", "time_ms", 5_000_000),
        ("5", "start_ns", 5),
        ("-1", "time", None),
        ("nan", "time", None),
        ("1e30", "time", None),
        ("1969-12-31", "time", None),
        ("9999-12-31", "time", None),
        ("", "time", None),
    ],
)
def test_a_time_is_read_in_many_forms(cell: str, column: str, expected_ns: int | None) -> None:
    assert time_ns(cell, column) == expected_ns


@given(cell=st.text(), column=st.sampled_from(["time", "date", "time_us"]))
def test_any_text_is_a_time_of_64_bits_or_none(cell: str, column: str) -> None:
    ns = time_ns(cell, column)
    assert ns is None or 0 <= ns < 2**63
