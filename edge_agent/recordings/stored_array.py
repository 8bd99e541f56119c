"""One array in numpy's format, in a file of its own or in an archive, read a part at a time.

Works on the format's public header functions and plain reads, so that an archive of hundreds of
megabytes never has to be in memory, and a header cannot promise more than the file holds.
"""

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from edge_agent.recordings.recording import RecordingError, shown

# What numpy's header functions, zipfile and the decompressors raise on damaged input.
# RuntimeError: an encrypted member, an unknown compression, a header nested too deep.
_DAMAGE = (
    EOFError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
_WHOLE_LIMIT = 64 * 1024 * 1024  # bytes of a member that is read at once, such as the file names
_PART_LIMIT = 1024 * 1024 * 1024  # bytes of a part; more is a header that lies
_HEADER_READERS: Mapping[
    tuple[int, int], Callable[[IO[bytes]], tuple[tuple[int, ...], bool, np.dtype[Any]]]
] = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


@contextmanager
def damage_reported(path: Path, where: str) -> Iterator[None]:
    """Turn what reading damaged input raises into RecordingError."""
    try:
        yield
    except _DAMAGE as error:
        # Some libraries put whole binary headers into their messages.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise RecordingError(
            path, f"{where}cannot be read or written: {reason[0][:200]}"
        ) from error


@dataclass(frozen=True, slots=True)
class StoredArray:
    """An array whose header has been read.

    Attributes:
        label: how messages call it, with a trailing space, or empty for a file that is one array.
        opened: opens the stream at its first byte.
        offset: bytes of the header.
    """

    path: Path
    label: str
    opened: Callable[[], AbstractContextManager[IO[bytes]]]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    offset: int

    @classmethod
    def found(
        cls,
        path: Path,
        label: str,
        opened: Callable[[], AbstractContextManager[IO[bytes]]],
        size: int,
    ) -> "StoredArray":
        """Read the header of an array of ``size`` stored bytes.

        Raises:
            RecordingError: no array, an array of objects or fields, or fewer bytes than it needs.
        """
        with damage_reported(path, label), opened() as stream:
            version = npy_format.read_magic(stream)
            if version not in _HEADER_READERS:
                raise RecordingError(
                    path, f"{label}has format version {version}, allowed: (1, 0) or (2, 0)"
                )
            shape, fortran, dtype = _HEADER_READERS[version](stream)
            offset = stream.tell()
        if dtype.hasobject or dtype.names is not None or dtype.subdtype is not None:
            raise RecordingError(
                path, f"{label}holds dtype {shown(str(dtype))}, allowed: plain numbers"
            )
        array = cls(path, label, opened, tuple(shape), dtype, bool(fortran), offset)
        if any(extent < 0 for extent in array.shape) or size - offset < array.byte_count:
            raise RecordingError(
                path,
                f"{label}is truncated: {size - offset} bytes of data, its header promises"
                f" {array.byte_count} for shape {array.shape} of {dtype}",
            )
        return array

    @property
    def byte_count(self) -> int:
        """Bytes of data."""
        return math.prod(self.shape) * self.dtype.itemsize

    def real_numbers(self) -> "StoredArray":
        """Return itself. Raises RecordingError unless it holds integers or floats, at least one."""
        if self.dtype.kind not in "fiu":
            raise RecordingError(
                self.path, f"{self.label}holds dtype {self.dtype}, allowed: integers or floats"
            )
        if 0 in self.shape:
            raise RecordingError(
                self.path, f"{self.label}has shape {self.shape}, allowed: at least one sample"
            )
        return self

    def whole(self) -> NDArray[Any]:
        """Return the array, read at once.

        Raises:
            RecordingError: damaged, or larger than anything but samples would be.
        """
        return self._read_at_once(_WHOLE_LIMIT)

    def values(self) -> Any:  # noqa: ANN401 - of whatever the array holds
        """Return the array as Python's own numbers and texts, nested like its axes.

        Raises:
            RecordingError: as ``whole``, and for texts that are no Unicode.
        """
        array = self.whole()
        try:
            return array.tolist()
        except SystemError as error:  # what CPython says of a character beyond the last
            raise RecordingError(self.path, f"{self.label}holds text that is none") from error

    def _read_at_once(self, limit: int) -> NDArray[Any]:
        self._refuse_above(limit, self.byte_count)
        with damage_reported(self.path, self.label), self.opened() as stream:
            stream.seek(self.offset)
            flat = np.frombuffer(self._exactly(stream, self.byte_count), self.dtype)
            return flat.reshape(self.shape, order="F" if self.fortran else "C")

    def parts(self, rows: int) -> Iterator[NDArray[Any]]:
        """Yield up to ``rows`` entries of the first axis at a time.

        Arrays in Fortran order are read at once, for their rows are scattered over the file.

        Raises:
            RecordingError: damaged.
        """
        if self.fortran:
            array = self._read_at_once(_PART_LIMIT)
            for first in range(0, self.shape[0], rows):
                yield array[first : first + rows]
            return
        row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        self._refuse_above(_PART_LIMIT, row_bytes)
        with damage_reported(self.path, self.label), self.opened() as stream:
            stream.seek(self.offset)
            for first in range(0, self.shape[0], rows):
                count = min(rows, self.shape[0] - first)
                data = self._exactly(stream, count * row_bytes)
                yield np.frombuffer(data, self.dtype).reshape(count, *self.shape[1:])

    def _refuse_above(self, limit: int, size: int) -> None:
        if size > limit:
            raise RecordingError(
                self.path, f"{self.label}needs {size} bytes at once, allowed: {limit}"
            )

    def _exactly(self, stream: IO[bytes], size: int) -> bytes:
        data = stream.read(size)
        if len(data) != size:
            raise RecordingError(
                self.path, f"{self.label}is truncated: {size - len(data)} bytes are missing"
            )
        return data


def stored_in_file(path: Path) -> StoredArray:
    """Find the array of an .npy file. Raises RecordingError where there is none."""
    with damage_reported(path, ""):
        size = path.stat().st_size
    return StoredArray.found(path, "", lambda: path.open("rb"), size)


def stored_in_archive(path: Path) -> dict[str, Callable[[], StoredArray]]:
    """Name the arrays of an .npz file; each is looked at when asked for.

    Raises:
        RecordingError: no readable archive.
    """
    with damage_reported(path, ""), zipfile.ZipFile(path) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}

    def looker(member: str) -> Callable[[], StoredArray]:
        @contextmanager
        def opened() -> Iterator[IO[bytes]]:
            with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
                yield stream

        label = f"array {member.removesuffix('.npy')!r} "
        return lambda: StoredArray.found(path, label, opened, sizes[member])

    return {name.removesuffix(".npy"): looker(name) for name in sizes if name.endswith(".npy")}
