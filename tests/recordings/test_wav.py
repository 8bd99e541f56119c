"""WAV: every encoding that is read, chunks in between, and damage."""

import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.recordings import RecordingOptions, open_recording

Samples = Callable[..., NDArray[np.float32]]
Refusal = Callable[..., str]


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def fmt(encoding: int, bits: int, channels: int = 1, rate_hz: int = 8000) -> bytes:
    frame = channels * bits // 8
    return chunk(
        b"fmt ", struct.pack("<HHIIHH", encoding, channels, rate_hz, rate_hz * frame, frame, bits)
    )


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_integers_are_scaled_to_full_scale_one(
    tmp_path: Path, samples_of: Samples, bits: int
) -> None:
    path = tmp_path / "pump.wav"
    values = [0, 1, -1, 2 ** (bits - 1) - 1, -(2 ** (bits - 1)), 2 ** (bits - 2)]
    with wave.open(str(path), "wb") as written:
        written.setnchannels(2)
        written.setsampwidth(bits // 8)
        written.setframerate(48_000)
        written.writeframes(b"".join(v.to_bytes(bits // 8, "little", signed=True) for v in values))
    recording = open_recording(path, RecordingOptions(unit="V"))
    assert recording.channels == ("c1", "c2")
    assert (recording.rate_hz, recording.unit, recording.length) == (48_000.0, "V", 3)
    expected = np.array(values).reshape(3, 2) / 2.0 ** (bits - 1)
    assert np.array_equal(samples_of(path), expected.astype(np.float32))


def test_float_is_read_as_it_is(tmp_path: Path, samples_of: Samples) -> None:
    path = tmp_path / "pump.wav"
    values = np.linspace(-2, 2, 70_000, dtype="<f4")
    path.write_bytes(riff(fmt(3, 32), chunk(b"data", values.tobytes())))
    assert np.array_equal(samples_of(path)[:, 0], values)


def test_other_chunks_and_the_extensible_format_are_understood(
    tmp_path: Path, samples_of: Samples
) -> None:
    path = tmp_path / "pump.wav"
    base = struct.pack("<HHIIHH", 0xFFFE, 1, 8000, 16_000, 2, 16)
    guid = bytes.fromhex("0100000000001000800000aa00389b71")
    extensible = chunk(b"fmt ", base + struct.pack("<HHI", 22, 16, 4) + guid)
    data = chunk(b"data", struct.pack("<hh", 16_384, -16_384))
    path.write_bytes(riff(chunk(b"LIST", b"odd"), extensible, chunk(b"fact", bytes(4)), data))
    assert samples_of(path).tolist() == [[0.5], [-0.5]]


PCM = fmt(1, 16)
DATA = chunk(b"data", bytes(20))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"RIFX" + bytes(40), "starts with b'RIFX"),
        (riff(PCM, DATA)[:-4], "is truncated: chunk b'data' at byte 36 has 20 bytes, 16 are left"),
        (riff(PCM), "is truncated: the file ends without a data chunk"),
        (riff(), "is truncated: the file ends without a fmt chunk"),
        (riff(DATA, PCM), "has its data chunk before a fmt chunk"),
        (riff(PCM, chunk(b"data", b"")), "the data chunk has 0 bytes"),
        (riff(PCM, chunk(b"data", b"abc")), "the data chunk has 3 bytes, allowed: a multiple of 2"),
        (riff(chunk(b"fmt ", b"abcd"), DATA), "the fmt chunk has 4 bytes, allowed: 16 or more"),
        (riff(fmt(1, 8), DATA), "the encoding is format 1 of 8 bits, allowed: PCM"),
        (riff(fmt(3, 64), DATA), "the encoding is format 3 of 64 bits, allowed: PCM"),
        (riff(fmt(85, 16), DATA), "the encoding is format 85 of 16 bits, allowed: PCM"),
        (riff(fmt(1, 16, channels=0), DATA), "the fmt chunk says 0 channels"),
        (
            riff(fmt(1, 16, rate_hz=0), DATA),
            "the rate in the fmt chunk is 0.0, allowed: 0.001 to 1e+12 Hz",
        ),
        (
            riff(fmt(3, 32), chunk(b"data", struct.pack("<ff", 1.0, np.nan))),
            "data: sample 1 of channel c1 is nan",
        ),
    ],
)
def test_a_damaged_file_is_refused_with_a_reason(
    tmp_path: Path, refusal_of: Refusal, content: bytes, problem: str
) -> None:
    (tmp_path / "pump.wav").write_bytes(content)
    assert problem in refusal_of(tmp_path / "pump.wav")


def test_the_stated_rate_is_not_overruled(tmp_path: Path, refusal_of: Refusal) -> None:
    (tmp_path / "pump.wav").write_bytes(riff(PCM, DATA))
    assert "is 8000 but --rate-hz says 9000" in refusal_of(tmp_path / "pump.wav", rate_hz=9000.0)
