"""IMS text: names are times, columns are bearings."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.recordings import RecordingOptions, open_recording

Samples = Callable[..., NDArray[np.float32]]
Refusal = Callable[..., str]
TABLE = (
    "-0.049\t-0.071\t-0.132\t-0.010\n-0.042\t-0.073\t-0.007\t-0.105\n0.015\t0.000\t0.007\t-0.127\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("2004.02.12.10.42.39", "2004.02.12.10.32.39", "2004.02.12.11.12.39"):
        (tmp_path / name).write_text(TABLE)
    (tmp_path / "readme.txt").write_text("what this is")
    return tmp_path


def test_a_folder_is_one_burst_per_file_in_the_order_of_time(folder: Path) -> None:
    recording = open_recording(folder)
    assert recording.kind == "samples"
    assert recording.channels == ("b1", "b2", "b3", "b4")
    assert (recording.rate_hz, recording.unit, recording.period_s) == (20_000.0, None, 600.0)
    assert (recording.length, recording.burst_length) == (3, 3)
    blocks = list(recording.blocks())
    first = datetime(2004, 2, 12, 10, 32, 39, tzinfo=UTC)
    assert blocks[0].start_ns == int(first.timestamp()) * 10**9
    assert blocks[0].samples[0].tolist() == pytest.approx([-0.049, -0.071, -0.132, -0.010])
    assert [block.gap_before for block in blocks] == [False, False, True]


def test_blocks_can_be_read_any_number_of_times(folder: Path) -> None:
    recording = open_recording(folder)
    once = [block.start_ns for block in recording.blocks()]
    assert [block.start_ns for block in recording.blocks()] == once


def test_one_file_is_a_recording_of_one_burst(folder: Path, samples_of: Samples) -> None:
    assert samples_of(folder / "2004.02.12.10.32.39").shape == (3, 4)


def test_the_user_may_state_the_unit_and_another_rate(folder: Path) -> None:
    recording = open_recording(folder, RecordingOptions(unit="g", rate_hz=20_480.0))
    assert (recording.unit, recording.rate_hz) == ("g", 20_480.0)


def test_eight_columns_are_eight_channels(tmp_path: Path) -> None:
    (tmp_path / "2003.10.22.12.06.24").write_text("\t".join(["0.1"] * 8) + "\n")
    assert open_recording(tmp_path).channels[-1] == "b8"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        (TABLE.replace("0.000", "oops"), "line 3, column 2 (c2): found 'oops', allowed: a number"),
        (TABLE.replace("0.000", "nan"), "line 3, column 2 (c2): found 'nan', allowed: a finite"),
        (TABLE.replace("\t0.000", ""), "line 3 has 3 columns, allowed: 4"),
        (TABLE.replace("\t0.000", "\t1\t2"), "line 3 has 5 columns, allowed: 4"),
        (TABLE + TABLE, "has 6 rows, allowed: 3 as in 2004.02.12.10.32.39"),
        ("1\t2\n3\t4\n5\t6\n", "line 1 has 2 columns, allowed: 4 as in 2004.02.12.10.32.39"),
    ],
)
def test_a_damaged_file_is_refused_by_name_and_line(
    folder: Path, refusal_of: Refusal, text: str, where: str
) -> None:
    (folder / "2004.02.12.10.42.39").write_text(text)
    refusal = refusal_of(folder)
    assert "2004.02.12.10.42.39: " in refusal
    assert where in refusal


def test_bytes_that_are_no_text_are_refused(folder: Path, refusal_of: Refusal) -> None:
    (folder / "2004.02.12.10.32.39").write_bytes(b"0.1\t\xff\xfe\t0.1\t0.1\n")
    assert "line 1, column 2" in refusal_of(folder)


def test_a_name_that_is_no_time_is_refused(folder: Path, refusal_of: Refusal) -> None:
    (folder / "2004.13.12.10.32.39").write_text(TABLE)
    assert "the name is no time, allowed: YYYY.MM.DD.HH.MM.SS" in refusal_of(folder)
