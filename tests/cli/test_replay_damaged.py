"""Damaged bundles and recordings are refused with a reason."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EdgeAgent = Callable[..., Any]

OPTIONS = ("--rate-hz", 1024, "--unit", "g")


def _cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(bytes(content))


def _without(path: Path, member: str) -> None:
    _rewrite(path, lambda members: members.pop(member))


def _rewrite(path: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _manifest(path: Path, before: bytes, after: bytes) -> None:
    def change(members: dict[str, bytes]) -> None:
        assert before in members["manifest.json"]
        members["manifest.json"] = members["manifest.json"].replace(before, after)

    _rewrite(path, change)


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(b""), "archive"),
        (lambda path: _cut(path, 0.5), "archive"),
        (_flip, "samples.edgemodel"),
        (lambda path: _without(path, "model.tflite"), "model.tflite"),
        (lambda path: _rewrite(path, lambda m: m.update({"../x": b""})), "../x"),
        (lambda path: _rewrite(path, lambda m: m.update({"model.tflite": b"x"})), "model.tflite"),
        (lambda path: _manifest(path, b'"version"', b'"vershun"'), "vershun"),
        (lambda path: _manifest(path, b'"rms"', b'"rmss"'), "feature_hash"),
        (lambda path: _manifest(path, b'"alpha": 0.5', b'"alpha": 0.4'), "golden"),
    ],
)
def test_ten_damaged_bundles_are_refused_with_a_reason(
    edge_agent: EdgeAgent,
    bundle_file: Path,
    recording: Path,
    damage: Callable[[Path], object],
    word: str,
) -> None:
    damage(bundle_file)
    ran = edge_agent("replay", "--bundle", bundle_file, "--recording", recording, *OPTIONS)
    assert ran.code == 65
    assert str(bundle_file) in ran.err
    assert word in ran.err


def _npz(path: Path) -> Path:
    npz = path.with_suffix(".npz")
    with npz.open("wb") as file:
        np.savez(file, x=np.zeros(1000, np.float32))
    return npz


def _damaged_recordings(path: Path) -> dict[str, Path]:
    """Ten recordings that are not what they should be, by what is wrong with them."""
    folder = path.parent / "recordings"
    folder.mkdir()
    lines = path.read_text().splitlines()
    files: dict[str, bytes] = {
        "empty.csv": b"",
        "text_in_numbers.csv": "\n".join([*lines[:500], "broken", *lines[500:]]).encode(),
        "missing_cell.csv": b"x,y\n1,2\n3\n",
        "not_utf8.csv": b"x\n\xff\xfe\n",
        "no_table.wav": b"RIFF\x10\x00\x00\x00WAVEjunk",
        "cut.npz": _npz(path).read_bytes()[:2000],
        "pickled.npy": b"\x93NUMPY\x01\x00F\x00{'descr': '|O', 'fortran_order': False,"
        b" 'shape': (1,), }          \n",
        "unknown.xyz": b"?",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "folder").mkdir()
    return {
        **{name: folder / name for name in files},
        "folder": folder / "folder",
        "nothing.csv": folder / "nothing.csv",
    }


@pytest.mark.parametrize(
    "name",
    [
        "empty.csv",
        "text_in_numbers.csv",
        "missing_cell.csv",
        "not_utf8.csv",
        "no_table.wav",
        "cut.npz",
        "pickled.npy",
        "unknown.xyz",
        "folder",
        "nothing.csv",
    ],
)
def test_ten_damaged_recordings_are_refused_with_a_reason(
    edge_agent: EdgeAgent, bundle_file: Path, recording: Path, name: str
) -> None:
    damaged = _damaged_recordings(recording)[name]
    ran = edge_agent("replay", "--bundle", bundle_file, "--recording", damaged, *OPTIONS)
    assert ran.code == 65
    assert ran.err.startswith(f"edge-agent: {damaged}")
    assert len(ran.err.splitlines()) == 1
