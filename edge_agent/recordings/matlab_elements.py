"""The numeric variables of a MATLAB file, version 5, read element by element.

Source of the format: The MathWorks, "MAT-File Format", chapter 1, Level 5 MAT-files. Only full
real numeric arrays are read; cells, structures, texts and the like are passed over. Every length
is held against what is there before it is believed: a reader that trusts them (scipy.io.loadmat
does in places) does not raise on a damaged file but ends the process.
"""

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.recordings.recording import RecordingError, shown

_HEADER_SIZE = 128
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ORDERS = {b"IM": "<", b"MI": ">"}  # how the two letters MI come out when read as bytes
_MATRIX, _COMPRESSED = 14, 15
_FLAGS, _DIMENSIONS, _LETTERS = (6,), (5, 6), (1, 16)  # 6 and 16: by writers other than MATLAB
_NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
_NUMERIC_CLASSES = range(6, 16)  # double, single, int8 ... uint64
_COMPLEX = 0x0800
_ALIGNMENT = 8
_LIMIT = 1024 * 1024 * 1024  # bytes of one variable


@dataclass(slots=True)
class _Elements:
    """The data of one matrix, whose parts follow one another."""

    path: Path
    order: str
    data: bytes
    where: str
    at: int = 0

    def next(self) -> tuple[int, bytes]:
        """Return the type and the data of the next part."""
        if self.at + _ALIGNMENT > len(self.data):
            raise self.damaged("it ends where a part should begin")
        kind, size = struct.unpack_from(f"{self.order}II", self.data, self.at)
        begin = self.at + _ALIGNMENT
        if kind >> 16:  # a small part: the size is in the upper half of the type
            kind, size, begin = kind & 0xFFFF, kind >> 16, self.at + 4
            self.at += _ALIGNMENT
            if size > _ALIGNMENT - 4:
                raise self.damaged(f"a small part has {size} bytes, allowed: 4")
        else:
            self.at = begin + math.ceil(size / _ALIGNMENT) * _ALIGNMENT
        if begin + size > len(self.data):
            raise self.damaged(f"a part has {size} bytes, but {len(self.data) - begin} are left")
        return kind, self.data[begin : begin + size]

    def expect(self, kinds: Sequence[int], what: str) -> bytes:
        """Return the data of the next part, which must be of a type among ``kinds``."""
        found, data = self.next()
        if found not in kinds:
            raise self.damaged(f"its {what} have type {found}, allowed: {list(kinds)}")
        return data

    def damaged(self, problem: str) -> RecordingError:
        """Make the error for this matrix."""
        return RecordingError(self.path, f"is no readable MATLAB 5 file: {self.where}: {problem}")


def numeric_vectors(path: Path) -> dict[str, NDArray[Any]]:
    """Return the vectors of more than one real number, by name, in the order of the file.

    Raises:
        RecordingError: not version 5, or damaged.
    """
    vectors = {}
    try:
        with path.open("rb") as stream:
            order = _byte_order(path, stream)
            for matrix in _matrices(path, stream, order):
                named = _vector(matrix)
                if named is not None:
                    vectors[named[0]] = named[1]
    except OSError as error:
        raise RecordingError(path, f"cannot be read: {error.strerror or error}") from error
    return vectors


def _byte_order(path: Path, stream: IO[bytes]) -> str:
    stream.seek(512)
    behind_header = stream.read(len(_HDF5))
    stream.seek(0)
    head = stream.read(_HEADER_SIZE)
    if head.startswith((b"MATLAB 7.3", _HDF5)) or behind_header == _HDF5:
        raise RecordingError(
            path, "is a MATLAB 7.3 file (HDF5), allowed: version 5, written by save -v7 or -v6"
        )
    order = _ORDERS.get(head[126:])
    if order is None:
        raise RecordingError(
            path, f"starts with {shown(head[:20])}, allowed: the header of a MATLAB 5 file"
        )
    return order


def _matrices(path: Path, stream: IO[bytes], order: str) -> Iterator[_Elements]:
    while tag := stream.read(_ALIGNMENT):
        at = stream.tell() - len(tag)
        matrix = _Elements(path, order, b"", f"the variable at byte {at}")
        if len(tag) < _ALIGNMENT:
            raise matrix.damaged("the file ends within it")
        kind, size = struct.unpack(f"{order}II", tag)
        if kind not in {_MATRIX, _COMPRESSED}:
            raise matrix.damaged(f"it has type {kind}, allowed: {_MATRIX} or {_COMPRESSED}")
        if size > _LIMIT:
            raise matrix.damaged(f"it has {size} bytes, allowed: {_LIMIT}")
        data = stream.read(size)
        if len(data) < size:
            raise matrix.damaged(f"it has {size} bytes, but {len(data)} are left")
        matrix.data = _decompressed(matrix, data) if kind == _COMPRESSED else data
        yield matrix


def _decompressed(matrix: _Elements, data: bytes) -> bytes:
    decompressor = zlib.decompressobj()
    try:
        tag = decompressor.decompress(data, _ALIGNMENT)
        if len(tag) < _ALIGNMENT:
            raise matrix.damaged("it is compressed and ends too early")
        kind, size = struct.unpack(f"{matrix.order}II", tag)
        if kind != _MATRIX or size > _LIMIT:
            raise matrix.damaged(f"it holds {size} bytes of type {kind}, allowed: {_MATRIX}")
        content = decompressor.decompress(decompressor.unconsumed_tail, size) if size else b""
        rest = decompressor.decompress(decompressor.unconsumed_tail, 1)
    except zlib.error as error:
        raise matrix.damaged(str(error)) from error
    if len(content) < size or rest or not decompressor.eof:
        raise matrix.damaged(f"it promises {size} bytes and decompresses to another number")
    return content


def _vector(matrix: _Elements) -> tuple[str, NDArray[Any]] | None:
    if not matrix.data:
        return None
    flags = matrix.expect(_FLAGS, "flags")
    if len(flags) != 8:  # noqa: PLR2004
        raise matrix.damaged(f"its flags have {len(flags)} bytes, allowed: 8")
    flag = struct.unpack_from(f"{matrix.order}I", flags)[0]
    if flag & 0xFF not in _NUMERIC_CLASSES or flag & _COMPLEX:
        return None
    stored = matrix.expect(_DIMENSIONS, "dimensions")
    if len(stored) < 8 or len(stored) % 4:  # noqa: PLR2004
        raise matrix.damaged(f"its dimensions have {len(stored)} bytes, allowed: 4 for each of 2")
    shape = struct.unpack(f"{matrix.order}{len(stored) // 4}i", stored)
    count = math.prod(shape)
    name = matrix.expect(_LETTERS, "letters").decode("utf-8", "replace")
    if min(shape) < 0:
        raise matrix.damaged(f"{shown(name)} has shape {shape}")
    if not name:  # what MATLAB keeps for itself
        return None
    kind, data = matrix.next()
    number = _NUMBERS.get(kind)
    if number is None:
        raise matrix.damaged(f"its numbers have type {kind}, allowed: {list(_NUMBERS)}")
    values = np.dtype(matrix.order + number)
    if len(data) != count * values.itemsize:
        raise matrix.damaged(
            f"{shown(name)} has {len(data)} bytes of data, allowed: {count * values.itemsize}"
            f" for shape {shape}"
        )
    if count <= 1 or max(shape) != count:
        return None
    return name, np.frombuffer(data, values)
