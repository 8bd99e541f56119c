"""One file of fixed size that holds the newest rows of an asset: each new one replaces the oldest.

A row lies where its index says (index modulo capacity) and carries a checksum, so that nothing
has to be written in any order, or twice: after a kill or a power cut a row is whole or is skipped.
"""

import os
import zlib
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.daemon.recorder.rows import Layout, RecordedRow, whole
from edge_agent.disk import replacing

_MAGIC = b"eAring\x00\x01"
_PAGE = 4096
_PREFIX = len(_MAGIC) + 8  # magic, length of the header, its checksum
_AT_A_TIME = 1 << 20  # bytes


class DamagedRingError(Exception):
    """The file is no ring, or not whole; the message says how."""


class _Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a ring's first pages say."""

    capacity: int
    row_bytes: int
    layout: Layout


class Ring:
    """An open ring. Only one thread may use it at a time."""

    def __init__(self, descriptor: int, header: _Header, offset: int) -> None:
        """Use ``create`` or ``open_file``."""
        self._descriptor = descriptor
        self._offset = offset
        self._row_bytes = header.row_bytes
        self.layout = header.layout
        self.capacity = header.capacity

    @classmethod
    def create(cls, path: Path, layout: Layout, capacity: int) -> "Ring":
        """Make the file at its full size, in place of what is there. Raises OSError."""
        header = _Header(capacity=capacity, row_bytes=layout.dtype.itemsize, layout=layout)
        first = _encoded(header)
        with replacing(path, durable=False) as new:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
            try:
                os.posix_fallocate(descriptor, 0, len(first) + capacity * header.row_bytes)
                os.pwrite(descriptor, first, 0)
            finally:
                os.close(descriptor)
        return cls.open_file(path)

    @classmethod
    def open_file(cls, path: Path) -> "Ring":
        """Open the file.

        Raises:
            FileNotFoundError: there is none.
            DamagedRingError: it is no ring, or not whole.
            OSError: it cannot be read or written.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            header, offset = _decoded(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, header, offset)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._offset + self.capacity * self._row_bytes

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def write(self, row: RecordedRow) -> None:
        """Put a row of this layout in its place. Raises OSError."""
        written = os.pwrite(self._descriptor, row.content, self._place(row.index))
        if written != len(row.content):
            raise OSError(f"{written} of {len(row.content)} bytes of a row were written")

    def read(self, first: int, end: int) -> NDArray[np.void]:
        """Return the rows with indices [first, end) that are there and whole, in order.

        Raises:
            OSError: the file cannot be read.
        """
        first = max(0, first, end - self.capacity)
        parts = [np.empty(0, dtype=self.layout.dtype)]
        most = max(1, _AT_A_TIME // self._row_bytes)
        while first < end:
            count = min(end - first, self.capacity - first % self.capacity, most)
            rows = whole(self._bytes(first, count), self.layout)
            parts.append(rows[(rows["index"] >= first) & (rows["index"] < first + count)])
            first += count
        return np.concatenate(parts)

    def newest(self) -> int | None:
        """Return the highest index, None where there is no row. Raises OSError."""
        found = None
        for first in range(0, self.capacity, max(1, _AT_A_TIME // self._row_bytes)):
            count = min(self.capacity - first, max(1, _AT_A_TIME // self._row_bytes))
            rows = whole(self._bytes(first, count), self.layout)
            if len(rows):
                found = max(-1 if found is None else found, int(rows["index"].max()))
        return found

    def oldest(self, end: int) -> int | None:
        """Return the lowest index of the rows before ``end``, None where there is none.

        Found by halving, as rows are written one after the other: where some were not, a later
        one may be returned. Raises OSError.
        """
        low, high = max(0, end - self.capacity), end  # the rows from high on are there
        while low < high:
            middle = (low + high) // 2
            if len(self.read(middle, middle + 1)):
                high = middle
            else:
                low = middle + 1
        return high if high < end else None

    def _place(self, index: int) -> int:
        return self._offset + index % self.capacity * self._row_bytes

    def _bytes(self, first: int, count: int) -> bytes:
        wanted = count * self._row_bytes
        content = os.pread(self._descriptor, wanted, self._place(first))
        if len(content) != wanted:
            raise OSError(f"{len(content)} of {wanted} bytes could be read")
        return content


def _encoded(header: _Header) -> bytes:
    body = msgspec.json.encode(header)
    lengths = len(body).to_bytes(4, "little") + zlib.crc32(body).to_bytes(4, "little")
    first = _MAGIC + lengths + body
    return first.ljust(-(-len(first) // _PAGE) * _PAGE, b"\x00")


def _decoded(descriptor: int) -> tuple[_Header, int]:
    """Return the header and where the rows begin. Raises DamagedRingError, OSError."""
    prefix = os.pread(descriptor, _PREFIX, 0)
    if len(prefix) != _PREFIX or not prefix.startswith(_MAGIC):
        raise DamagedRingError("no flight recorder's file of this version")
    size = int.from_bytes(prefix[-8:-4], "little")
    body = os.pread(descriptor, size, _PREFIX)
    if len(body) != size or zlib.crc32(body) != int.from_bytes(prefix[-4:], "little"):
        raise DamagedRingError("its header is not what was written")
    try:
        header = msgspec.json.decode(body, type=_Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedRingError(f"its header: {error}") from error
    if header.row_bytes != header.layout.dtype.itemsize or header.capacity < 1:
        raise DamagedRingError("its header: rows of another size")
    offset = -(-(_PREFIX + size) // _PAGE) * _PAGE
    found, needed = os.fstat(descriptor).st_size, offset + header.capacity * header.row_bytes
    if found != needed:
        raise DamagedRingError(f"{found} bytes, by its header {needed}")
    return header, offset
