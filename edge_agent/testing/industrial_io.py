"""A Linux Industrial I/O device laid out in a folder, with a FIFO in place of the device node.

The tree is that of a device with one triggered buffer: attributes, ``scan_elements``, ``buffer``
and ``trigger``; scans are packed as the kernel packs them. Values are packed one by one with
Python's integers, so that a vectorised decoder is tested against something else than itself.

Unlike the kernel, the files take any value, and the FIFO may be read in parts of a scan.
Layout: Linux, ``Documentation/ABI/testing/sysfs-bus-iio`` and ``drivers/iio/industrialio-buffer.c``
(function ``iio_compute_scan_bytes``).
"""

import fcntl
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_TYPE = re.compile(r"(be|le):[su](\d+)/(\d+)(?:X(\d+))?>>(\d+)")
_TIMESTAMP_TYPE = "le:s64/64>>0"
_F_SETPIPE_SZ = 1031  # linux/fcntl.h; fcntl names it from Python 3.10 on, but not on every system
_PIPE_BYTES = 1 << 20
_POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class IioElement:
    """One scan element: ``in_{name}_en``, ``_index`` and ``_type``.

    Attributes:
        name: such as ``accel_x``.
        index: position in the scan.
        type: such as ``le:s16/16>>0``.
    """

    name: str
    index: int
    type: str


class IioTree:
    """A device tree below ``root``; hand ``root_sys`` and ``root_dev`` to whatever reads IIO."""

    def __init__(
        self,
        root: Path,
        elements: Sequence[IioElement],
        *,
        name: str = "simulated-accel",
        number: int = 0,
        attributes: dict[str, str] | None = None,
        timestamp: bool = True,
        triggers: Sequence[str] = ("simulated-trigger",),
    ) -> None:
        """Lay the tree out.

        Args:
            root: an existing folder.
            elements: the scan elements without the time stamp.
            name: content of the device's ``name``.
            number: the N of ``iio:deviceN``.
            attributes: further files of the device and their content, such as
                ``{"in_accel_scale": "0.038"}``.
            timestamp: whether the device has ``in_timestamp`` and ``current_timestamp_clock``.
            triggers: names of triggers that exist; the first is the current one.
        """
        self.root_sys = root / "sys"
        self.root_dev = root / "dev"
        self.root_dev.mkdir()
        self.device = self.root_sys / f"iio:device{number}"
        self.node = self.root_dev / f"iio:device{number}"
        self._elements = sorted(elements, key=lambda element: element.index)
        if timestamp:
            last = self._elements[-1].index
            self._elements.append(IioElement("timestamp", last + 1, _TIMESTAMP_TYPE))
            self.put("current_timestamp_clock", "realtime")
        for path, content in {"name": name, **(attributes or {})}.items():
            self.put(path, content)
        for element in self._elements:
            self.put(f"scan_elements/in_{element.name}_en", "0")
            self.put(f"scan_elements/in_{element.name}_index", str(element.index))
            self.put(f"scan_elements/in_{element.name}_type", element.type)
        for path, content in {"enable": "0", "length": "2", "watermark": "1"}.items():
            self.put(f"buffer/{path}", content)
        self.put("trigger/current_trigger", triggers[0] if triggers else "")
        for position, trigger in enumerate(triggers):
            self.put(f"../trigger{position}/name", trigger)
        os.mkfifo(self.node)
        # Open for both, so that the FIFO exists without a reader and ends only by unplug().
        self._fifo = os.open(self.node, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self._fifo, _F_SETPIPE_SZ, _PIPE_BYTES)

    def put(self, path: str, content: str) -> None:
        """Write an attribute as the kernel shows it, with a line end."""
        file = self.device / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n")

    def get(self, path: str) -> str:
        """Read an attribute without its line end."""
        return (self.device / path).read_text().strip()

    def pack(self, values: Mapping[str, Sequence[int]]) -> bytes:
        """Pack one scan of the enabled elements as the kernel does.

        Each element is aligned to its own size (storage bits times repeat), the scan to the
        largest. Bits around the real ones are set, as a device may leave anything there.
        """
        scan = bytearray()
        largest = 1
        for element in self._enabled():
            endian, real, storage, repeat, shift = _parse(element.type)
            size = storage // 8 * repeat
            largest = max(largest, size)
            scan += bytes(-len(scan) % size)
            noise = ((1 << storage) - 1) ^ (((1 << real) - 1) << shift)
            for value in values[element.name]:
                word = ((value & ((1 << real) - 1)) << shift) | noise
                scan += word.to_bytes(storage // 8, "big" if endian == "be" else "little")
        scan += bytes(-len(scan) % largest)
        return bytes(scan)

    def feed(self, raw: NDArray[np.int64], first_ns: int = 0, step_ns: int = 1_000_000) -> None:
        """Feed scans: integers (n, elements without time stamp), stamps ``step_ns`` apart."""
        for scan in self._scans(raw, first_ns, step_ns):
            self.feed_bytes(scan)

    def feed_bytes(self, data: bytes) -> None:
        """Feed at most PIPE_BUF bytes as they are; what finds no room is lost, as in the kernel."""
        with suppress(BlockingIOError):
            os.write(self._fifo, data)

    def drain(self) -> None:
        """Throw away what nobody read, as the kernel does when the buffer is enabled."""
        with suppress(BlockingIOError):
            while os.read(self._fifo, _PIPE_BYTES):
                pass

    def unplug(self) -> None:
        """End the device: the node reports end of file and the tree is gone."""
        self.close()
        self.node.unlink()
        shutil.rmtree(self.device)

    def close(self) -> None:
        """Close the FIFO; may be called twice."""
        if self._fifo >= 0:
            os.close(self._fifo)
            self._fifo = -1

    @contextmanager
    def sampling(self, rate_hz: float, burst: int = 16, amplitude: int = 100) -> Iterator[None]:
        """Feed a tone in real time, ``burst`` scans at once, whenever the buffer is enabled."""
        stop = threading.Event()
        thread = threading.Thread(target=self._sample, args=(stop, rate_hz, burst, amplitude))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _sample(self, stop: threading.Event, rate_hz: float, burst: int, amplitude: int) -> None:
        count = sum(element.name != "timestamp" for element in self._elements)
        step_ns = round(1e9 / rate_hz)
        phase = 2 * np.pi * np.arange(burst) / burst
        tone = np.rint(amplitude * np.sin(phase)).astype(np.int64)
        raw = np.repeat(tone[:, None], count, axis=1)
        enabled_at = next_ns = 0
        while not stop.wait(_POLL_S):
            if self.get("buffer/enable") != "1":
                continue
            if enabled_at != self._enabled_at():
                enabled_at = self._enabled_at()
                self.drain()
                next_ns = self._now_ns()
            while next_ns + burst * step_ns <= self._now_ns():
                scans = b"".join(self._scans(raw, next_ns, step_ns))
                # Whoever disables the buffer meanwhile may have changed the layout of a scan.
                if enabled_at != self._enabled_at():
                    break
                self.feed_bytes(scans)
                next_ns += burst * step_ns

    def _scans(self, raw: NDArray[np.int64], first_ns: int, step_ns: int) -> Iterator[bytes]:
        names = [element.name for element in self._elements if element.name != "timestamp"]
        for row, values in enumerate(raw.tolist()):
            scan = {name: [value] for name, value in zip(names, values, strict=True)}
            yield self.pack({**scan, "timestamp": [first_ns + row * step_ns]})

    def _enabled_at(self) -> int:
        return (self.device / "buffer/enable").stat().st_mtime_ns

    def _now_ns(self) -> int:
        clock = self.device / "current_timestamp_clock"
        if clock.exists() and clock.read_text().strip() == "realtime":
            return time.time_ns()
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def _enabled(self) -> list[IioElement]:
        return [e for e in self._elements if self.get(f"scan_elements/in_{e.name}_en") == "1"]


def _parse(text: str) -> tuple[str, int, int, int, int]:
    match = _TYPE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no scan type")
    endian, real, storage, repeat, shift = match.groups()
    return endian, int(real), int(storage), int(repeat or 1), int(shift)
