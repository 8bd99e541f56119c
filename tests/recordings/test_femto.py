"""FEMTO CSV folders: the file number is the clock."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.recordings import RecordingOptions, open_recording

Samples = Callable[..., NDArray[np.float32]]
Refusal = Callable[..., str]
ROWS = ("9,39,39,65664,0.552,-0.146", "9,39,39,65703,0.501,-0.48")


def write(folder: Path, number: int, rows: tuple[str, ...] = ROWS, separator: str = ",") -> Path:
    path = folder / f"acc_{number:05}.csv"
    path.write_text("\n".join(rows).replace(",", separator) + "\n")
    return path


def test_a_folder_is_one_burst_every_ten_seconds_by_file_number(tmp_path: Path) -> None:
    for number in (1, 2, 4):
        write(tmp_path, number)
    (tmp_path / "temp_00001.csv").write_text("9,40,7,1,70.378\n")
    recording = open_recording(tmp_path)
    assert recording.channels == ("horizontal", "vertical")
    assert (recording.rate_hz, recording.unit, recording.period_s) == (25_600.0, "g", 10.0)
    assert (recording.length, recording.burst_length) == (3, 2)
    blocks = list(recording.blocks())
    assert [block.start_ns for block in blocks] == [10 * 10**9, 20 * 10**9, 40 * 10**9]
    assert [block.gap_before for block in blocks] == [False, False, True]
    assert blocks[0].samples.tolist() == [
        pytest.approx([0.552, -0.146]),
        pytest.approx([0.501, -0.48]),
    ]


def test_semicolons_are_read_as_well_even_mixed_with_commas(
    tmp_path: Path, samples_of: Samples
) -> None:
    write(tmp_path, 1, separator=";")
    write(tmp_path, 2)
    samples = samples_of(tmp_path)
    assert samples[:2].tolist() == samples[2:].tolist()


def test_one_file_is_a_recording_of_one_burst(tmp_path: Path) -> None:
    recording = open_recording(write(tmp_path, 7), RecordingOptions(channels=("vertical",)))
    (block,) = recording.blocks()
    assert block.samples.ravel().tolist() == pytest.approx([-0.146, -0.48])


@pytest.mark.parametrize(
    ("row", "where"),
    [
        ("9,39,39,65703,0.501", "line 2 has 5 columns, allowed: 6"),
        ("9,39,39,65703,0.501,", "line 2, column 6 (c6): found '', allowed: a number"),
        ("9,39,39,65703,0.501,1e99", "line 2, column 6 (c6): found '1e99', allowed: a finite"),
        ("9,39,39,65703,0.5,0.1,7", "line 2 has 7 columns, allowed: 6"),
    ],
)
def test_a_damaged_row_is_refused_by_line(
    tmp_path: Path, refusal_of: Refusal, row: str, where: str
) -> None:
    write(tmp_path, 1, (ROWS[0], row))
    assert where in refusal_of(tmp_path)


def test_a_file_of_other_columns_is_refused(tmp_path: Path, refusal_of: Refusal) -> None:
    write(tmp_path, 1, ("0.1,0.2",))
    assert "line 1 has 2 columns, allowed: 6" in refusal_of(tmp_path)


def test_two_files_of_one_number_are_refused(tmp_path: Path, refusal_of: Refusal) -> None:
    write(tmp_path, 1)
    (tmp_path / "acc_1.csv").write_text("\n".join(ROWS))
    assert "has the same number as" in refusal_of(tmp_path)
