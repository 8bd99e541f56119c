"""WAV: integer PCM of 16, 24 or 32 bits and 32 bit float, full scale = 1.0.

Source of the format: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications
1.0" (1991), chapter 2, RIFF and WAVE; Microsoft, WAVEFORMATEXTENSIBLE. The standard library's wave
module reads no float.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from edge_agent.recordings.continuous import BLOCK_LENGTH, ContinuousRecording
from edge_agent.recordings.finite import finite_float32
from edge_agent.recordings.recording import (
    MAX_CHANNELS,
    RecordingError,
    RecordingOptions,
    agreed_rate_hz,
    numbered_channels,
    shown,
)

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_FORMAT = struct.Struct("<HHIIHH")
_SUBFORMAT_AT = 24  # where an extensible format says which format it extends
_ENCODINGS = {(_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32)}


@dataclass(frozen=True, slots=True)
class _Wave:
    encoding: int
    bits: int
    channels: int
    rate_hz: int
    data_at: int
    data_size: int

    @property
    def frame_size(self) -> int:
        return self.channels * self.bits // 8


def read_wav(path: Path, options: RecordingOptions) -> ContinuousRecording:
    """Read ``path``; channels are c1, c2, ..., the unit comes from the options.

    Raises:
        RecordingError: no WAV file, an encoding that is not read, or truncated.
    """
    try:
        with path.open("rb") as stream:
            wave = _read_chunks(path, stream)
    except OSError as error:
        raise RecordingError(path, f"cannot be read: {error.strerror or error}") from error
    channels = numbered_channels(wave.channels)
    length = wave.data_size // wave.frame_size

    def read() -> Iterator[NDArray[np.float32]]:
        try:
            with path.open("rb") as stream:
                stream.seek(wave.data_at)
                for first in range(0, length, BLOCK_LENGTH):
                    data = stream.read(min(BLOCK_LENGTH, length - first) * wave.frame_size)
                    samples = _decode(data, wave)
                    yield finite_float32(path, samples, "data", channels, first=first)
        except (OSError, ValueError) as error:  # the file has become shorter since it was opened
            raise RecordingError(path, f"data cannot be read: {error}") from error

    rate_hz = agreed_rate_hz(path, float(wave.rate_hz), options, "the rate in the fmt chunk")
    return ContinuousRecording(path, channels, rate_hz, options.unit, 0, length, read)


def _read_chunks(path: Path, stream: IO[bytes]) -> _Wave:
    size = stream.seek(0, 2)
    stream.seek(0)
    head = stream.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":  # noqa: PLR2004
        raise RecordingError(path, f"starts with {shown(head)}, allowed: RIFF....WAVE")
    form: tuple[int, int, int, int] | None = None
    while True:
        header = stream.read(8)
        if len(header) < 8:  # noqa: PLR2004
            missing = "data" if form else "fmt"
            raise RecordingError(path, f"is truncated: the file ends without a {missing} chunk")
        name, chunk_size = header[:4], int.from_bytes(header[4:], "little")
        at = stream.tell()
        if at + chunk_size > size:
            raise RecordingError(
                path,
                f"is truncated: chunk {shown(name)} at byte {at - 8} has {chunk_size} bytes,"
                f" {size - at} are left in the file",
            )
        if name == b"fmt ":
            form = _read_format(path, stream.read(chunk_size))
        elif name == b"data":
            break
        stream.seek(at + chunk_size + chunk_size % 2)  # chunks start at even bytes
    if form is None:
        raise RecordingError(path, "has its data chunk before a fmt chunk")
    wave = _Wave(*form, data_at=at, data_size=chunk_size)
    if chunk_size == 0 or chunk_size % wave.frame_size:
        raise RecordingError(
            path,
            f"the data chunk has {chunk_size} bytes,"
            f" allowed: a multiple of {wave.frame_size} for {wave.channels} channels, above 0",
        )
    return wave


def _read_format(path: Path, chunk: bytes) -> tuple[int, int, int, int]:
    if len(chunk) < _FORMAT.size:
        raise RecordingError(
            path, f"the fmt chunk has {len(chunk)} bytes, allowed: {_FORMAT.size} or more"
        )
    encoding, channels, rate_hz, _, frame_size, bits = _FORMAT.unpack_from(chunk)
    if encoding == _EXTENSIBLE and len(chunk) >= _SUBFORMAT_AT + 2:
        encoding = int.from_bytes(chunk[_SUBFORMAT_AT : _SUBFORMAT_AT + 2], "little")
    if (encoding, bits) not in _ENCODINGS:
        raise RecordingError(
            path,
            f"the encoding is format {encoding} of {bits} bits,"
            " allowed: PCM (format 1) of 16, 24 or 32 bits, float (format 3) of 32 bits",
        )
    if not 1 <= channels <= MAX_CHANNELS or frame_size != channels * bits // 8:
        raise RecordingError(
            path,
            f"the fmt chunk says {channels} channels of {bits} bits in frames of {frame_size}"
            f" bytes, allowed: 1 to {MAX_CHANNELS} channels, frames of channels x bits / 8",
        )
    return encoding, bits, channels, rate_hz


def _decode(data: bytes, wave: _Wave) -> NDArray[np.float32]:
    if wave.encoding == _FLOAT:
        return np.frombuffer(data, "<f4").reshape(-1, wave.channels)
    if wave.bits == 24:  # noqa: PLR2004
        # The three bytes become the upper three of an int32: its sign comes out right.
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        whole, scale = wide.view("<i4")[:, 0], 2.0**31
    else:
        whole, scale = np.frombuffer(data, f"<i{wave.bits // 8}"), 2.0 ** (wave.bits - 1)
    scaled: NDArray[np.float32] = (whole / scale).astype(np.float32)
    return scaled.reshape(-1, wave.channels)
