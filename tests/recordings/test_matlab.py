"""MATLAB files: CWRU names, plain vectors, versions that are not read, damage."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.recordings import RecordingOptions, open_recording

scipy_io = pytest.importorskip("scipy.io", reason="scipy writes the files")

Samples = Callable[..., NDArray[np.float32]]
Refusal = Callable[..., str]
COLUMN = np.arange(6.0).reshape(6, 1)


def test_cwru_vectors_are_channels_de_fe_ba_in_g(tmp_path: Path, samples_of: Samples) -> None:
    path = tmp_path / "105_0.mat"
    record = {"X105_BA_time": COLUMN, "X105_FE_time": COLUMN + 1, "X105_DE_time": COLUMN + 2}
    scipy_io.savemat(path, {**record, "X105RPM": [[1797]]})
    recording = open_recording(path, RecordingOptions(rate_hz=12_000.0))
    assert recording.channels == ("DE", "FE", "BA")
    assert (recording.rate_hz, recording.unit, recording.length) == (12_000.0, "g", 6)
    assert samples_of(path, rate_hz=12_000.0)[0].tolist() == [2, 1, 0]


@pytest.mark.parametrize(("name", "first"), [("99_Normal_2.mat", 1.0), ("098.mat", 0.0)])
def test_of_two_records_the_one_in_the_file_name_is_meant(
    tmp_path: Path, samples_of: Samples, name: str, first: float
) -> None:
    both = {"X098_DE_time": COLUMN, "X099_DE_time": COLUMN[:4] + 1}
    scipy_io.savemat(tmp_path / name, both, do_compression=True)
    assert samples_of(tmp_path / name, rate_hz=1.0)[0, 0] == first


def test_of_two_records_none_is_guessed(tmp_path: Path, refusal_of: Refusal) -> None:
    path = tmp_path / "normal.mat"
    scipy_io.savemat(path, {"X098_DE_time": COLUMN, "X099_DE_time": COLUMN})
    assert "holds the records X098, X099, allowed: one, or a file name" in refusal_of(
        path, rate_hz=1.0
    )


def test_vectors_of_one_length_are_channels(tmp_path: Path) -> None:
    path = tmp_path / "pump.mat"
    scipy_io.savemat(path, {"y": COLUMN.T, "x": COLUMN, "fs": 100.0, "matrix": np.eye(3)})
    recording = open_recording(path, RecordingOptions(rate_hz=100.0))
    assert recording.channels == ("y", "x")
    assert recording.unit is None


def test_of_vectors_of_several_lengths_the_user_picks(
    tmp_path: Path, samples_of: Samples, refusal_of: Refusal
) -> None:
    path = tmp_path / "pump.mat"
    scipy_io.savemat(path, {"x": COLUMN, "y": COLUMN, "temperature": COLUMN[:2]})
    assert "several lengths: x (6), y (6), temperature (2)" in refusal_of(path, rate_hz=1.0)
    assert samples_of(path, rate_hz=1.0, channels=("y", "x")).shape == (6, 2)


@pytest.mark.parametrize(
    ("vectors", "problem"),
    [
        ({"text": "abc"}, "holds 0 numeric vectors, allowed: 1 to 256"),
        ({"x": np.array([1.0, np.nan])}, "vectors: sample 1 of channel x is nan"),
        ({"x": np.array([1j, 2j])}, "holds 0 numeric vectors"),
        (
            {"X001_DE_time": COLUMN, "X001_FE_time": COLUMN[:3]},
            "record X001 has channels of several lengths: DE (6), FE (3)",
        ),
    ],
)
def test_a_file_without_fitting_vectors_is_refused(
    tmp_path: Path, refusal_of: Refusal, vectors: dict[str, object], problem: str
) -> None:
    scipy_io.savemat(tmp_path / "pump.mat", vectors)
    assert problem in refusal_of(tmp_path / "pump.mat", rate_hz=1.0)


def test_the_rate_is_asked_for(tmp_path: Path, refusal_of: Refusal) -> None:
    scipy_io.savemat(tmp_path / "105_0.mat", {"X105_DE_time": COLUMN})
    refusal = refusal_of(tmp_path / "105_0.mat")
    assert "(recorded at 12000 or 48000 Hz) states no sampling rate: give it with" in refusal


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"MATLAB 7.3 MAT-file" + bytes(600), "is a MATLAB 7.3 file (HDF5), allowed: version 5"),
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "is a MATLAB 7.3 file (HDF5), allowed: version 5"),
        (b"no such thing", "starts with b'no such thing', allowed: the header of a MATLAB 5 file"),
        (b" " * 124 + b"\x00\x01IM" + b"\x07" * 50, "is no readable MATLAB 5 file"),
    ],
)
def test_another_version_or_garbage_is_refused(
    tmp_path: Path, refusal_of: Refusal, content: bytes, problem: str
) -> None:
    (tmp_path / "pump.mat").write_bytes(content)
    assert problem in refusal_of(tmp_path / "pump.mat", rate_hz=1.0)


@pytest.mark.parametrize("compressed", [True, False])
def test_a_truncated_file_is_refused(
    tmp_path: Path, refusal_of: Refusal, *, compressed: bool
) -> None:
    path = tmp_path / "pump.mat"
    scipy_io.savemat(path, {"x": np.arange(1000.0)}, do_compression=compressed)
    path.write_bytes(path.read_bytes()[:-100])
    assert "is no readable MATLAB 5 file" in refusal_of(path, rate_hz=1.0)


def part(order: str, kind: int, data: bytes) -> bytes:
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


def mat(order: str, *, flags: int = 6, shape: tuple[int, ...] = (3, 1), kind: int = 2) -> bytes:
    """Write the vector 1, 2, 3 as MATLAB does: doubles that are stored in one byte each."""
    header = b"by hand".ljust(124) + struct.pack(f"{order}HH", 0x0100, 0x4D49)
    matrix = (
        part(order, 6, struct.pack(f"{order}II", flags, 0))
        + part(order, 5, struct.pack(f"{order}{len(shape)}i", *shape))
        + struct.pack(f"{order}I4s", (1 << 16) | 1, b"x")
        + part(order, kind, b"\x01\x02\x03")
    )
    return header + part(order, 14, matrix)


@pytest.mark.parametrize("order", ["<", ">"])
def test_numbers_stored_in_a_smaller_type_are_read_in_either_byte_order(
    tmp_path: Path, samples_of: Samples, order: str
) -> None:
    (tmp_path / "pump.mat").write_bytes(mat(order))
    assert samples_of(tmp_path / "pump.mat", rate_hz=1.0).tolist() == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (mat("<", kind=99), "at byte 128: its numbers have type 99, allowed: [1, 2, 3"),
        (mat("<", kind=3), "'x' has 3 bytes of data, allowed: 6 for shape (3, 1)"),
        (mat("<", shape=(4, 1)), "'x' has 3 bytes of data, allowed: 4 for shape (4, 1)"),
        (mat("<", shape=(-3, -1)), "'x' has shape (-3, -1)"),
        (mat("<", shape=(3,)), "its dimensions have 4 bytes, allowed: 4 for each of 2"),
        (mat("<")[:-9], "at byte 128: it has 56 bytes, but 47 are left"),
        (mat("<")[:132], "at byte 128: the file ends within it"),
        (mat("<")[:128], "holds 0 numeric vectors"),
        (mat("<", flags=4), "holds 0 numeric vectors"),
    ],
)
def test_lengths_and_types_are_checked_before_they_are_believed(
    tmp_path: Path, refusal_of: Refusal, content: bytes, problem: str
) -> None:
    (tmp_path / "pump.mat").write_bytes(content)
    assert problem in refusal_of(tmp_path / "pump.mat", rate_hz=1.0)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_every_numeric_type_is_read_as_scipy_wrote_it(
    tmp_path: Path, samples_of: Samples, dtype: str, *, compressed: bool
) -> None:
    path = tmp_path / "pump.mat"
    values = np.array([0, 1, 100, 7, 3], dtype)
    others = {"text": "abc", "cells": np.array([1, "a"], object), "s": {"a": 1.0}, "z": 1j * values}
    scipy_io.savemat(path, {**others, "x": values}, do_compression=compressed)
    assert samples_of(path, rate_hz=1.0)[:, 0].tolist() == values.tolist()
