"""Sensor plugins for the tests: deterministic vibration, and every way to go wrong on request."""

import threading
import time
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np

from edge_agent.plugin import (
    SENSOR_API_VERSION,
    Block,
    Clock,
    EndOfData,
    SensorError,
    SensorInfo,
)


class BenchOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the sensor delivers, and when it fails; blocks are counted from its opening.

    ``growth`` is by how much each block is louder than the one before: 0.01 is 1 %. It is loud
    while there is a file at ``loud_while``.
    """

    channels: tuple[str, ...] = ("x",)
    rate_hz: float = 1024.0
    unit: str | None = "g"
    range_max: float | None = None
    period_s: float | None = None
    length: int = 256
    interval_s: float = 0.25
    blocks: int | None = None
    scale: float = 1.0
    growth: float = 0.0
    loud_from: int | None = None
    loud_while: str | None = None
    quiet_from: int | None = None
    fail_at: int | None = None
    crash_at: int | None = None
    exit_at: int | None = None
    wrong_dtype_at: int | None = None
    silent_from: int | None = None
    flat_from: int | None = None
    flat_until: int | None = None
    refuse_open: bool = False
    crash_open: bool = False
    token: str | None = None
    real_time: bool = False


class BenchSensor:
    """Healthy vibration of 0.1 g, loud one of 1 g."""

    api_version: ClassVar[int] = SENSOR_API_VERSION
    version: ClassVar[str] = "1"
    options: ClassVar[type[msgspec.Struct]] = BenchOptions

    def __init__(self, options: BenchOptions) -> None:
        self._options = options
        self._opened = False
        self._due_s = 0.0
        self._start_ns = 0
        self._n = 0

    @property
    def info(self) -> SensorInfo:
        o = self._options
        clock: Clock = "boot" if o.real_time else "source"
        return SensorInfo(o.channels, o.rate_hz, o.unit, o.range_max, o.period_s, clock)

    def open(self) -> None:
        if self._options.refuse_open:
            raise SensorError("no such device")
        if self._options.crash_open:
            raise ZeroDivisionError("the driver divides by zero")
        self._opened = True
        self._n = 0
        clock = time.CLOCK_BOOTTIME if self._options.real_time else time.CLOCK_REALTIME
        self._start_ns = time.clock_gettime_ns(clock)
        self._due_s = time.monotonic()

    def read(self, timeout_s: float) -> Block | None:
        o, n = self._options, self._n
        if n == o.blocks:
            raise EndOfData
        if o.silent_from is not None and n >= o.silent_from:
            _sleep(timeout_s)
            return None
        lasting_s = o.length / o.rate_hz if o.real_time else 0.0  # a block is there at its end
        wait_s = self._due_s + lasting_s - time.monotonic()
        _sleep(max(0.0, min(wait_s, timeout_s)))
        if wait_s > timeout_s:
            return None
        self._due_s += o.interval_s
        self._n += 1
        if n == o.fail_at:
            raise SensorError("the device was unplugged")
        if n == o.crash_at:
            raise ZeroDivisionError("the plugin divides by zero")
        if n == o.exit_at:
            raise SystemExit(3)
        return self._block(n)

    def _block(self, n: int) -> Block:
        o = self._options
        loud = o.loud_from is not None and n >= o.loud_from
        if o.quiet_from is not None and n >= o.quiet_from:
            loud = False
        loud |= o.loud_while is not None and Path(o.loud_while).exists()
        noise = np.random.default_rng(n).standard_normal((o.length, len(o.channels)))
        phase = 2 * np.pi * 50.0 * (np.arange(o.length) + n * o.length) / o.rate_hz
        tone = np.sin(phase)[:, None]
        rms = 1.0 if loud else 0.1
        if o.flat_from is not None and o.flat_from <= n < (o.flat_until or n + 1):
            rms = 0.0
        rms *= o.scale * (1.0 + o.growth) ** n
        samples = rms * (0.8 * noise + 0.6 * np.sqrt(2.0) * tone)
        dtype = np.float64 if n == o.wrong_dtype_at else np.float32
        step_s = o.period_s or o.length / o.rate_hz
        start_ns = self._start_ns + round(n * step_s * 1e9)
        return Block(samples.astype(dtype), start_ns, o.rate_hz, o.unit, o.channels)

    def close(self) -> None:
        self._opened = False


class OutdatedSensor(BenchSensor):
    """Written for an older plugin interface."""

    api_version: ClassVar[int] = 0


def _sleep(seconds: float) -> None:
    """As time.sleep, which fails under libfaketime: that breaks clock_nanosleep(2)."""
    threading.Event().wait(seconds)
