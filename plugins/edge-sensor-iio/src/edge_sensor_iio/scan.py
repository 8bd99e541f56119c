"""How scans lie in the bytes that the kernel delivers.

Scan types and alignment: Linux, ``Documentation/ABI/testing/sysfs-bus-iio``
(``in_accel_x_type``) and ``drivers/iio/industrialio-buffer.c`` (``iio_compute_scan_bytes``): the
enabled elements follow each other by index, each aligned to its own size (storage bits times
repeat), and the whole scan is padded to the largest of them.
"""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPE = re.compile(r"(be|le):([su])(\d+)/(\d+)(?:X(\d+))?>>(\d+)")
_NATIVE = "<" if sys.byteorder == "little" else ">"
_STORAGE_BITS = (8, 16, 32, 64)

_TYPE_HELP = "be or le, s or u, real bits / storage bits, X repeat, >> shift, such as le:s12/16>>4"


class ScanTypeError(ValueError):
    """The text is no scan type that can be decoded; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class ScanType:
    """One element's ``_type``.

    Attributes:
        big_endian: byte order of a stored word.
        signed: two's complement.
        real_bits: bits that carry the value.
        storage_bits: bits of the stored word: 8, 16, 32 or 64.
        repeat: words per scan.
        shift: how far the value is to be shifted right.
    """

    big_endian: bool
    signed: bool
    real_bits: int
    storage_bits: int
    repeat: int
    shift: int

    @classmethod
    def parse(cls, text: str) -> "ScanType":
        """Parse such as ``le:s16/16>>0``, ``be:u12/16>>4`` or ``le:s16/16X2>>0``.

        Raises:
            ScanTypeError: it is none, or its numbers contradict each other.
        """
        match = _TYPE.fullmatch(text)
        if match is None:
            raise ScanTypeError(f"found {text!r}, want {_TYPE_HELP}")
        endian, sign, *numbers = match.groups()
        real, storage, repeat, shift = (int(number or 1) for number in numbers)
        if storage not in _STORAGE_BITS:
            raise ScanTypeError(
                f"found {storage} storage bits in {text!r}, want one of {_STORAGE_BITS}"
            )
        if real < 1 or real + shift > storage:
            raise ScanTypeError(
                f"found {real} bits shifted by {shift} in {text!r}, but {storage} are stored"
            )
        if repeat < 1 or repeat & (repeat - 1):
            # The kernel aligns with a mask, which means something for powers of two only.
            raise ScanTypeError(f"found a repeat of {repeat} in {text!r}, want a power of two")
        return cls(endian == "be", sign == "s", real, storage, repeat, shift)

    @property
    def size(self) -> int:
        """Bytes in a scan, and the alignment there."""
        return self.storage_bits // 8 * self.repeat

    @property
    def largest(self) -> int:
        """Largest magnitude of a value."""
        return 1 << (self.real_bits - 1) if self.signed else (1 << self.real_bits) - 1


@dataclass(frozen=True, slots=True)
class ScanElement:
    """One enabled element: its name such as ``accel_x``, its index and its type."""

    name: str
    index: int
    type: ScanType


class ScanLayout:
    """Where each enabled element lies in a scan."""

    def __init__(self, elements: Iterable[ScanElement]) -> None:
        """Lay out the enabled ``elements``."""
        self._types: dict[str, ScanType] = {}
        self._offsets: dict[str, int] = {}
        end, largest = 0, 1
        for element in sorted(elements, key=lambda one: one.index):
            size = element.type.size
            offset = end + -end % size
            self._types[element.name] = element.type
            self._offsets[element.name] = offset
            end, largest = offset + size, max(largest, size)
        self.scan_bytes: int = end + -end % largest

    def decode(self, data: bytes | bytearray | memoryview, name: str) -> NDArray[np.integer[Any]]:
        """Return the values of one element, int or uint of the storage's width, (n, repeat).

        Args:
            data: whole scans.
            name: one of the elements.

        Raises:
            ValueError: ``data`` is no whole number of scans.
        """
        kind = self._types[name]
        count, rest = divmod(len(data), self.scan_bytes)
        if rest:
            raise ValueError(f"found {len(data)} bytes, want a multiple of {self.scan_bytes}")
        word = kind.storage_bits // 8
        stored: NDArray[np.unsignedinteger[Any]] = np.ndarray(
            (count, kind.repeat),
            np.dtype(f"{'>' if kind.big_endian else '<'}u{word}"),
            data,
            self._offsets[name],
            (self.scan_bytes, word),
        )
        values: NDArray[np.unsignedinteger[Any]] = stored.astype(f"{_NATIVE}u{word}")
        # Up, then down: whatever the device left around the real bits falls off both ends, and
        # an arithmetic shift extends the sign.
        values <<= np.array(kind.storage_bits - kind.real_bits - kind.shift, values.dtype)
        aligned: NDArray[np.integer[Any]] = values.view(f"i{word}") if kind.signed else values
        return np.right_shift(aligned, np.array(kind.storage_bits - kind.real_bits, aligned.dtype))
