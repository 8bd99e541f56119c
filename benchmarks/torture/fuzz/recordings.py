"""Recordings of every format, read to the end."""

import io
import json
import random
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from benchmarks.torture.fuzz.mutate import mutated
from benchmarks.torture.fuzz.target import Allowed
from edge_agent.recordings import RecordingError, RecordingOptions, open_recording
from edge_agent.recordings.feature_store import METADATA_KEY, StoredSet

_MOST_BLOCKS = 2000
_OPTIONS = (
    RecordingOptions(),
    RecordingOptions(),
    RecordingOptions(rate_hz=100.0, unit="g", decimate=2),
    RecordingOptions(rate_hz=100.0, channels=("0",)),
    RecordingOptions(rate_hz=100.0, channels=("x",)),
)
_TEXT = (
    b"nan", b"inf", b"-", b"1e999", b"1e-999", b",", b";", b"\t", b"\n", b"\r", b"\r\n", b'"',
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"time", b"x_rms", b"# ", b"2024-13-01", b"1,5", b"9" * 400,
    b"," * 300, b"\n" * 300, b"\xc2\xa0",
)  # fmt: skip
_BINARY = (
    b"RIFF", b"RIFX", b"RF64", b"WAVE", b"fmt ", b"data", b"LIST", b"\x93NUMPY\x01\x00",
    b"\x93NUMPY\x03\x00", b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PAR1", b"'<f8'",
    b"'|O'", b"'|V8'", b"(2, 9)", b"(-1, 9)", b"(1, 0)", b"99999999999", b"fortran_order",
)  # fmt: skip
Sample = tuple[str, bytes, tuple[bytes, ...]]


class Recordings:
    """Writes a file under a name of its format and reads it."""

    allowed: Allowed = (RecordingError,)

    def __init__(self, folder: Path) -> None:
        """Begin with a sound file of each format."""
        self._folder = folder
        self._samples = _samples()

    def feed(self, number: int, rng: random.Random) -> None:  # noqa: ARG002
        """Read one."""
        name, content, words = rng.choice(self._samples)
        damage = _inside if name.endswith((".npz", ".mat")) and rng.random() < 0.5 else mutated  # noqa: PLR2004
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(damage(content, rng, words))
        while name.startswith("gateway=") and path.parent != self._folder:
            path = path.parent  # a store is read as a folder
        if rng.random() < 0.2 and path.is_file() and "2004." in name:  # noqa: PLR2004
            path = path.parent
        recording = open_recording(path, rng.choice(_OPTIONS))
        for count, block in enumerate(recording.blocks()):
            if block.samples.dtype != np.float32 or block.channels != recording.channels:
                raise AssertionError(f"a block of {block.samples.dtype}, {block.channels}")
            if recording.kind == "samples" and not np.isfinite(block.samples).all():
                raise AssertionError("a sample that is no number")
            if count > _MOST_BLOCKS:
                break

    def close(self) -> None:
        """Nothing was kept."""


def _inside(content: bytes, rng: random.Random, words: tuple[bytes, ...]) -> bytes:
    """Damage what is packed, and pack it again."""
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        which = rng.choice(list(members))
        members[which] = mutated(members[which], rng, words)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, member in members.items():
                archive.writestr(name, member)
        return packed.getvalue()
    header, size = content[:128], struct.unpack_from("<I", content, 132)[0]
    element = mutated(zlib.decompress(content[136 : 136 + size]), rng, words)
    packed_element = zlib.compress(element)
    return header + struct.pack("<II", 15, len(packed_element)) + packed_element


def _samples() -> list[Sample]:
    rows = "".join(f"{i / 7:.3f}\t{-i / 9:.3f}\n" for i in range(12)).encode()
    femto = "".join(f"9,39,{i},{i},0.55{i},-0.14{i}\n" for i in range(10)).encode()
    return [
        ("ims/2004.02.12.10.32.39", rows, _TEXT),
        ("femto/acc_00001.csv", femto, _TEXT),
        ("femto/acc_00002.csv", femto.replace(b",", b";"), _TEXT),
        ("pump.csv", b"x,y\n0.1,0.2\n0.3,0.4\n" * 1 + b"0.5,0.6\n" * 9, _TEXT),
        ("pump.tsv", rows, _TEXT),
        ("pump.txt", b"time;x;y\n0;0,1;0,2\n1;0,3;0,4\n", _TEXT),
        ("features.csv", b"time,x_rms,x_kurt\n2024-03-01 00:00,1,3\n2024-03-01 01:00,2,3\n", _TEXT),
        ("pump.npy", _npy(np.ones((9, 2), np.float32)), _BINARY),
        ("whole.npy", _npy(np.ones((9, 2), np.int16)), _BINARY),
        (
            "own.npz",
            _npz(samples=np.ones((9, 2)), rate_hz=5.0, unit="g"),
            _BINARY,
        ),
        ("femto.npz", _npz(acc_milli_g=np.ones((2, 9, 2), np.int32), file_number=[1, 2]), _BINARY),
        ("ims.npz", _npz(acc_milli=np.ones((2, 9, 2), np.int16), file_index=[1, 2]), _BINARY),
        ("pump.mat", _mat(), _BINARY),
        ("pcm.wav", _wav(1, 16), _BINARY),
        ("pcm24.wav", _wav(1, 24), _BINARY),
        ("float.wav", _wav(3, 32), _BINARY),
        ("pump.parquet", _parquet({"time": [0, 60, 120], "x_rms": [1.0, 2.0, 3.0]}), _BINARY),
        ("samples.parquet", _parquet({"x": [0.5] * 20, "y": [1.5] * 20}), _BINARY),
        ("gateway=g/asset=a/day=2026-03-01/part-00000001.parquet", _stored(), _BINARY),
    ]


def _npy(array: np.ndarray) -> bytes:  # type: ignore[type-arg]
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _npz(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def _mat() -> bytes:
    """Write what ``scipy.io.savemat(do_compression=True)`` does: one packed matrix, 20 x 1."""
    name = b"X105_DE_time"
    element = struct.pack("<4I", 6, 8, 6, 0) + struct.pack("<2I2i", 5, 8, 20, 1)
    element += struct.pack("<2I", 1, len(name)) + name.ljust(16, b"\0")
    element += struct.pack("<2I", 9, 160) + np.linspace(-1, 1, 20).tobytes()
    packed = zlib.compress(struct.pack("<2I", 14, len(element)) + element)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H2s", 0x0100, b"IM")
    return header + struct.pack("<2I", 15, len(packed)) + packed


def _wav(code: int, bits: int) -> bytes:
    width = bits // 8
    fmt = struct.pack("<HHIIHH", code, 2, 8000, 8000 * 2 * width, 2 * width, bits)
    data = bytes(range(240)) if code == 1 else np.linspace(-1, 1, 60).astype("<f4").tobytes()
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _parquet(columns: dict[str, list[float]]) -> bytes:
    return _table(pa.table(columns))


def _stored() -> bytes:
    columns = {
        "message_id": pa.array(["a", "b"]),
        "message_seq": pa.array([0, 1]),
        "session": pa.array(["s", "s"]),
        "historical": pa.array([False, False]),
        "time_quality": pa.array(["unknown", "unknown"]),
        "start_ns": pa.array([1772323200 * 10**9, 1772323260 * 10**9]),
        "end_ns": pa.array([1772323201 * 10**9, 1772323261 * 10**9]),
        "window_index": pa.array([0, 1]),
        "window_gap": pa.array([False, True]),
        "window_clipped": pa.array([False, False]),
        "window_bias": pa.array([[("x", 0.5)]] * 2, pa.map_(pa.string(), pa.float32())),
        "x_rms": pa.array([0.5, 0.25], pa.float32()),
    }
    stored = StoredSet(("x_rms",), "g")
    said = json.dumps({"features": stored.features, "unit": stored.unit}).encode()
    return _table(pa.table(columns, metadata={METADATA_KEY: said}))


def _table(table: pa.Table) -> bytes:
    file = pa.BufferOutputStream()
    parquet.write_table(table, file)
    return bytes(file.getvalue())
