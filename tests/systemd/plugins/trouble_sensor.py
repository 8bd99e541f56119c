"""A sensor plugin that brings the whole process into trouble while a file says so."""

import ctypes
import time
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np

from edge_agent.plugin import SENSOR_API_VERSION, Block, SensorInfo

STATE = Path("/var/lib/edge-agent")
RATE_HZ = 1024.0
LENGTH = 256
BLOCK_NS = round(LENGTH / RATE_HZ * 1e9)
_HOUR_S = 3600
_GULP_BYTES = 64 << 20


class TroubleOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether there is anything to hear."""

    silent: bool = False


class TroubleSensor:
    """Healthy vibration; ``hang`` and ``eat`` in the state directory are what it obeys."""

    api_version: ClassVar[int] = SENSOR_API_VERSION
    version: ClassVar[str] = "1"
    options: ClassVar[type[msgspec.Struct]] = TroubleOptions

    def __init__(self, options: TroubleOptions) -> None:
        self._options = options
        self._eaten: list[bytearray] = []
        self._n = 0

    @property
    def info(self) -> SensorInfo:
        return SensorInfo(("x",), RATE_HZ, "g", None, None)

    def open(self) -> None:
        self._n = 0
        self._start_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def read(self, timeout_s: float) -> Block | None:
        if (STATE / "hang").exists():
            # Called with the interpreter's lock, as careless extensions do: every thread stands.
            ctypes.PyDLL(None).sleep(_HOUR_S)
        if (STATE / "eat").exists():
            self._eaten.append(bytearray(b"x") * _GULP_BYTES)
        if self._options.silent:
            time.sleep(timeout_s)
            return None
        end_ns = self._start_ns + (self._n + 1) * BLOCK_NS
        wait_s = (end_ns - time.clock_gettime_ns(time.CLOCK_BOOTTIME)) / 1e9
        time.sleep(max(0.0, min(timeout_s, wait_s)))
        if wait_s > timeout_s:
            return None
        noise = np.random.default_rng(self._n).standard_normal((LENGTH, 1))
        tone = np.sin(2 * np.pi * 50.0 * np.arange(LENGTH) / RATE_HZ)[:, None]
        samples = 0.1 * (0.8 * noise + 0.6 * np.sqrt(2.0) * tone)
        self._n += 1
        return Block(samples.astype(np.float32), end_ns - BLOCK_NS, RATE_HZ, "g", ("x",))

    def close(self) -> None:
        self._eaten.clear()
