"""Delimited text as samples: headers, delimiters, times, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.recordings import RecordingOptions, open_recording

Samples = Callable[..., NDArray[np.float32]]
Refusal = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def to_file(text: str, name: str = "pump.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return to_file


Write = Callable[..., Path]


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n3,4\n5,6\n",
        "1,2\r\n3,4\r\n5,6",
        "1;2\n3;4\n5;6\n",
        "1\t2\n3\t4\n5\t6\n",
        " 1.0   2\n\n 3 4e0\n5\t 6\n\n",
        "\ufeff1,2\n3,4\n5,6\n",
        '"1","2"\n"3","4"\n"5","6"\n',
    ],
)
@pytest.mark.parametrize("name", ["pump.csv", "pump.txt", "pump.tsv", "PUMP.CSV"])
def test_rows_without_a_header_are_samples_at_the_given_rate(
    write: Write, samples_of: Samples, text: str, name: str
) -> None:
    path = write(text, name)
    assert samples_of(path, rate_hz=10.0).tolist() == [[1, 2], [3, 4], [5, 6]]
    recording = open_recording(path, RecordingOptions(rate_hz=10.0, unit="g"))
    assert recording.kind == "samples"
    assert recording.channels == ("c1", "c2")
    assert (recording.rate_hz, recording.unit, recording.period_s) == (10.0, "g", None)
    assert recording.length is None


def test_a_header_names_the_channels(write: Write, samples_of: Samples) -> None:
    path = write('"motor x", y\n1,2\n3,4\n')
    recording = open_recording(path, RecordingOptions(rate_hz=10.0))
    assert recording.channels == ("motor x", "y")
    assert samples_of(path, rate_hz=10.0).tolist() == [[1, 2], [3, 4]]


def test_names_between_tabs_may_contain_spaces(write: Write) -> None:
    recording = open_recording(write("motor x\tmotor y\n1\t2\n"), RecordingOptions(rate_hz=10.0))
    assert recording.channels == ("motor x", "motor y")


def test_a_time_column_gives_the_start_and_is_no_channel(write: Write, samples_of: Samples) -> None:
    path = write("time,x\n2024-03-01T00:00:00Z,5\n2024-03-01T00:00:01Z,6\n")
    recording = open_recording(path, RecordingOptions(rate_hz=1.0))
    assert recording.channels == ("x",)
    assert next(recording.blocks()).start_ns == 1_709_251_200 * 10**9
    assert samples_of(path, rate_hz=1.0).tolist() == [[5], [6]]


def counting(step: float, rows: int = 40) -> str:
    return "".join(f"{3 + i * step:.3f} {i % 3} 7\n" for i in range(rows))


def test_a_first_column_that_counts_by_the_rate_is_a_time(
    write: Write, samples_of: Samples
) -> None:
    path = write(counting(1 / 360), "ecg.txt")
    recording = open_recording(path, RecordingOptions(rate_hz=360.0))
    assert recording.channels == ("c1", "c2")
    assert next(recording.blocks()).start_ns == 3 * 10**9
    assert samples_of(path, rate_hz=360.0)[:3].tolist() == [[0, 7], [1, 7], [2, 7]]


def test_a_first_column_that_counts_rows_is_left_out(write: Write) -> None:
    recording = open_recording(write(counting(1.0)), RecordingOptions(rate_hz=360.0))
    assert recording.channels == ("c1", "c2")
    assert next(recording.blocks()).start_ns == 0


def test_a_first_column_that_counts_otherwise_contradicts_the_rate(
    write: Write, refusal_of: Refusal
) -> None:
    path = write(counting(1 / 250), "ecg.txt")
    assert "counts up like a time at 250 Hz, but --rate-hz says 360" in refusal_of(
        path, rate_hz=360.0
    )
    assert "counts up like a time in seconds: give --rate-hz 250" in refusal_of(path)


def test_a_long_file_comes_in_blocks_whose_times_follow(write: Write) -> None:
    path = write("x\n" + "1\n2\n" * 40_000)
    blocks = list(open_recording(path, RecordingOptions(rate_hz=1000.0)).blocks())
    assert [len(block.samples) for block in blocks] == [32_768, 32_768, 14_464]
    assert [block.start_ns for block in blocks] == [0, 32_768_000_000, 65_536_000_000]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("x,y\n", "has no rows"),
        ("x,y\n1,2\n3\n", "line 3 has 1 columns, allowed: 2"),
        ("1,2\n\n3,4,5\n", "line 3 has 3 columns, allowed: 2"),
        ("1 2\n3 4 5\n", "line 2 has 3 columns, allowed: 2"),
        ("time,x\n1,2\n2,3,4\n", "line 3 has 3 columns, allowed: 2"),
        ("x,y\n1,2\n3,oops\n", "line 3, column 2 (y): found 'oops', allowed: a number"),
        ("x,y\n1,2\n3,\n", "line 3, column 2 (y): found '', allowed: a number"),
        ("x,y\n1,nan\n", "line 2, column 2 (y): found 'nan', allowed: a finite number"),
        ("x,y\n1,-inf\n", "line 2, column 2 (y): found '-inf', allowed: a finite number"),
        ("x,y\n1,1e39\n", "found '1e39', allowed: a finite number that fits float32"),
        ("x;y\n1,5;2\n", "line 2, column 1 (x): found '1,5', allowed: a number"),
        ("1,oops\n", "line 1 mixes numbers (1) with 'oops', allowed: a header of names"),
        ("x,x\n1,2\n", "line 1 names the columns ['x'] more than once"),
        ("time\n1\n", "has 0 channels in the columns time, allowed: 1 to 256"),
        ("time,x\nsoon,2\n", "line 2, column 1 (time): found 'soon', allowed: ISO 8601"),
        ("b1_rms,b2_rms\n1,2\n", "is a table of features (b1_rms, b2_rms)"),
        (",".join(["1"] * 300), "has 300 channels"),
    ],
)
def test_a_damaged_table_is_refused_with_the_place(
    write: Write, refusal_of: Refusal, text: str, problem: str
) -> None:
    assert problem in refusal_of(write(text), rate_hz=10.0)


def test_the_place_is_right_beyond_the_first_block(write: Write, refusal_of: Refusal) -> None:
    lines = ["x", *["1"] * 50_000]
    lines[40_000] = "one"
    path = write("\n".join(lines))
    open_recording(path, RecordingOptions(rate_hz=10.0))  # nothing wrong as far as one can see
    assert "line 40001, column 1 (x): found 'one'" in refusal_of(path, rate_hz=10.0)


@pytest.mark.parametrize("text", ["1,2\n3,4\n", "x,y\n1,2\n", "1\n2\n"])
def test_the_rate_of_a_csv_file_is_asked_for(write: Write, refusal_of: Refusal, text: str) -> None:
    assert "states no sampling rate: give it with --rate-hz" in refusal_of(write(text))
