"""Blocks out of the device node: poll, read, cut at gaps, decode, scale."""

import errno
import os
import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.plugin import Block, SensorError, SensorInfo
from edge_sensor_iio.clock import Pacer
from edge_sensor_iio.device import Scale
from edge_sensor_iio.scan import ScanLayout

TIMESTAMP = "timestamp"

_READ_BLOCKS = 4


def open_node(path: Path) -> int:
    """Return a descriptor of the device node, which the kernel grants to one program at a time.

    Raises:
        SensorError: there is no such node, it is in use, or we may not.
    """
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        hint = "; another program samples this device" if error.errno == errno.EBUSY else ""
        raise SensorError(f"{path}: cannot be opened: {error.strerror}{hint}") from error


@dataclass(frozen=True, slots=True)
class Scans:
    """What one scan means.

    Attributes:
        layout: where each element lies.
        elements: names of the channels' elements, in the order of ``info.channels``.
        scales: from raw numbers to ``info.unit``, in the same order.
        stamped: whether ``timestamp`` is among the elements.
    """

    layout: ScanLayout
    elements: Sequence[str]
    scales: Sequence[Scale]
    stamped: bool


class BlockStream:
    """The bytes of an enabled buffer as blocks of ``length`` samples."""

    def __init__(
        self, node: int, scans: Scans, pacer: Pacer, info: SensorInfo, length: int
    ) -> None:
        """Read from the descriptor ``node``, which stays the caller's."""
        self._node = node
        self._scans = scans
        self._pacer = pacer
        self._info = info
        self._block_bytes = length * scans.layout.scan_bytes
        self._pending = bytearray()
        self._poll = select.poll()
        self._poll.register(node, select.POLLIN)

    def read(self, timeout_s: float) -> Block | None:
        """Return the next block, shorter where samples are missing behind it; None in time.

        Raises:
            SensorError: the device is gone.
        """
        deadline = time.monotonic() + timeout_s
        while len(self._pending) < self._block_bytes:
            left_s = max(deadline - time.monotonic(), 0.0)
            if not self._fill(left_s) and time.monotonic() >= deadline:
                return None
        return self._cut()

    def _fill(self, timeout_s: float) -> bool:
        self._poll.poll(timeout_s * 1000)
        # Read whatever poll said: it stays silent about a device that is gone, read does not.
        try:
            data = os.read(self._node, _READ_BLOCKS * self._block_bytes)
        except BlockingIOError:
            return False
        except OSError as error:
            gone = ", the device was unplugged" if error.errno == errno.ENODEV else ""
            raise SensorError(f"reading failed: {error.strerror}{gone}") from error
        if not data:
            raise SensorError("reading failed: end of file, the device was unplugged")
        self._pending += data
        return True

    def _cut(self) -> Block:
        layout, info = self._scans.layout, self._info
        data = bytes(self._pending[: self._block_bytes])
        stamps = layout.decode(data, TIMESTAMP)[:, 0] if self._scans.stamped else None
        run = self._pacer.run(stamps, len(data) // layout.scan_bytes)
        data = data[: run.length * layout.scan_bytes]
        del self._pending[: len(data)]
        samples: NDArray[np.float32] = np.empty((run.length, len(info.channels)), np.float32)
        pairs = zip(self._scans.elements, self._scans.scales, strict=True)
        for column, (name, scale) in enumerate(pairs):
            raw = layout.decode(data, name)[:, 0].astype(np.float64)
            samples[:, column] = scale.scale * (raw + scale.offset)
        return Block(
            samples, run.start_ns, info.rate_hz, info.unit, info.channels, gap_before=run.gap
        )
