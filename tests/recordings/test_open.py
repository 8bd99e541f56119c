"""Which reader a path goes to, the options, and the channels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.recordings import RecordingOptions, open_recording, write_recording

Samples = Callable[..., NDArray[np.float32]]
Refusal = Callable[..., str]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "pump.npz"
    write_recording(path, np.arange(12.0).reshape(4, 3), rate_hz=10.0, channels=("x", "y", "1"))
    return path


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((), ["x", "y", "1"]),
        (("y",), ["y"]),
        (("y", "x"), ["y", "x"]),
        (("0", "2"), ["x", "1"]),
        (("1",), ["1"]),
        (("x", "y", "1"), ["x", "y", "1"]),
    ],
)
def test_channels_are_picked_by_name_before_number(
    recording: Path, samples_of: Samples, wanted: tuple[str, ...], expected: list[str]
) -> None:
    opened = open_recording(recording, RecordingOptions(channels=wanted))
    assert list(opened.channels) == expected
    first = [["x", "y", "1"].index(name) for name in expected]
    assert samples_of(recording, channels=wanted)[0].tolist() == first


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"channels": ("z",)}, "has no channel 'z', allowed: x, y, 1, or a number from 0 to 2"),
        ({"channels": ("3",)}, "has no channel '3', allowed: x, y, 1, or a number from 0 to 2"),
        ({"channels": ("x", "0")}, "channel 0 is asked for twice"),
        ({"rate_hz": 0.0}, "rate_hz is 0.0, allowed: 0.001 to 1e+12 Hz"),
        ({"rate_hz": float("nan")}, "rate_hz is nan, allowed: 0.001 to 1e+12 Hz"),
        ({"unit": " "}, "unit is ' ', allowed: a name such as 'g'"),
        ({"decimate": 0}, "decimate is 0, allowed: a whole number from 1 to 1000"),
        ({"decimate": 1001}, "decimate is 1001, allowed: a whole number from 1 to 1000"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    recording: Path, refusal_of: Refusal, options: dict[str, Any], problem: str
) -> None:
    assert problem in refusal_of(recording, **options)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path, refusal_of: Refusal) -> None:
    assert "does not exist" in refusal_of(tmp_path / "pump.npz")


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, refusal_of: Refusal) -> None:
    assert "cannot be read: File name too long" in refusal_of(tmp_path / f"{'x' * 300}.npz")


def test_an_unknown_ending_is_refused_with_those_that_are_known(
    tmp_path: Path, refusal_of: Refusal
) -> None:
    (tmp_path / "pump.xlsx").write_bytes(b"x")
    assert "has the ending '.xlsx', allowed: .csv, .mat, .npy, .npz, .parquet" in refusal_of(
        tmp_path / "pump.xlsx"
    )


@pytest.mark.parametrize("ending", ["csv", "mat", "npy", "npz", "parquet", "tsv", "txt", "wav"])
def test_an_empty_file_is_refused(tmp_path: Path, refusal_of: Refusal, ending: str) -> None:
    path = tmp_path / f"pump.{ending}"
    path.touch()
    assert "is empty (0 bytes)" in refusal_of(path)


def test_a_folder_without_bursts_is_refused(tmp_path: Path, refusal_of: Refusal) -> None:
    assert "holds no files, allowed: files named YYYY.MM.DD.HH.MM.SS (IMS) or acc_" in refusal_of(
        tmp_path
    )
    (tmp_path / "notes.md").touch()
    assert "holds 'notes.md', allowed: files named YYYY" in refusal_of(tmp_path)


def test_a_folder_of_two_kinds_is_refused(tmp_path: Path, refusal_of: Refusal) -> None:
    (tmp_path / "2004.02.12.10.32.39").write_text("1\n")
    (tmp_path / "acc_00001.csv").write_text("1\n")
    assert "holds both 2004.02.12.10.32.39 (IMS) and acc_00001.csv (FEMTO)" in refusal_of(tmp_path)
