"""A sensor plugin that misbehaves in every way that one can; healthy until then."""

import ctypes
import os
import time
from typing import ClassVar, Literal

import msgspec
import numpy as np

from edge_agent.plugin import SENSOR_API_VERSION, Block, SensorInfo

RATE_HZ = 1024.0
LENGTH = 256
LEAK_BYTES = 8 << 20

How = Literal[
    "raises",
    "exits",
    "hangs",
    "hangs_in_open",
    "hangs_in_close",
    "leaks",
    "segfaults",
    "aborts",
    "floods",
    "runs_backwards",
    "delivers_nan",
    "delivers_doubles",
    "delivers_another_shape",
    "delivers_another_rate",
    "delivers_too_much",
    "delivers_no_block",
    "delivers_no_time",
]


class BadOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong, and in which block, counted from 0 at each opening.

    Attributes:
        how: what goes wrong.
        after: blocks that are sound.
        once: file that is written when it has gone wrong; where it exists all goes well.
        hang_s: seconds that a hanging call takes.
    """

    how: How
    after: int = 2
    once: str | None = None
    hang_s: float = 3600.0


class BadSensor:
    """Samples in real time: noise of 0.1 g."""

    api_version: ClassVar[int] = SENSOR_API_VERSION
    version: ClassVar[str] = "1"
    options: ClassVar[type[msgspec.Struct]] = BadOptions

    def __init__(self, options: BadOptions) -> None:
        self._options = options
        self._n = self._start_ns = 0
        self._leaked: list[bytearray] = []

    @property
    def info(self) -> SensorInfo:
        return SensorInfo(("x",), RATE_HZ, "g")

    def open(self) -> None:
        if self._goes_wrong("hangs_in_open"):
            time.sleep(self._options.hang_s)
        self._n = 0
        self._start_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def read(self, timeout_s: float) -> Block | None:
        n, how = self._n, self._options.how
        is_bad = n >= self._options.after and self._goes_wrong(how)
        if not (is_bad and how == "floods"):
            end_ns = self._start_ns + round((n + 1) * LENGTH / RATE_HZ * 1e9)
            wait_s = (end_ns - time.clock_gettime_ns(time.CLOCK_BOOTTIME)) / 1e9
            time.sleep(max(0.0, min(wait_s, timeout_s)))
            if wait_s > timeout_s:
                return None
        self._n += 1
        if is_bad:
            self._misbehave(how)
            return self._bad(how, n)
        return self._block(n)

    def close(self) -> None:
        if self._goes_wrong("hangs_in_close"):
            time.sleep(self._options.hang_s)

    def _goes_wrong(self, how: How) -> bool:
        options = self._options
        if options.how != how:
            return False
        if options.once is None:
            return True
        try:
            os.close(os.open(options.once, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    def _misbehave(self, how: How) -> None:
        if how == "raises":
            raise ZeroDivisionError("the plugin divides by zero")
        if how == "exits":
            raise SystemExit(3)
        if how == "hangs":
            time.sleep(self._options.hang_s)
        elif how == "leaks":
            for _ in range(8):
                self._leaked.append(bytearray(os.urandom(1) * LEAK_BYTES))
        elif how == "segfaults":
            ctypes.string_at(0)
        elif how == "aborts":
            os.abort()

    def _bad(self, how: How, n: int) -> Block | None:
        block = self._block(n)
        samples, start_ns, rate_hz = block.samples, block.start_ns, block.rate_hz
        if how == "runs_backwards":
            start_ns -= 3600 * 10**9
        elif how == "delivers_nan":
            samples[7] = np.nan
        elif how == "delivers_doubles":
            samples = samples.astype(np.float64)
        elif how == "delivers_another_shape":
            samples = np.repeat(samples, 3, axis=1)
        elif how == "delivers_another_rate":
            rate_hz = 2.0 * RATE_HZ
        elif how == "delivers_too_much":
            samples = np.zeros((9 << 20, 1), np.float32)
        elif how == "delivers_no_block":
            return [1.0, 2.0]  # type: ignore[return-value]
        elif how == "delivers_no_time":
            start_ns = "now"  # type: ignore[assignment]
        return Block(samples, start_ns, rate_hz, "g", ("x",))

    def _block(self, n: int) -> Block:
        noise = np.random.default_rng(n).standard_normal((LENGTH, 1))
        start_ns = self._start_ns + round(n * LENGTH / RATE_HZ * 1e9)
        return Block((0.1 * noise).astype(np.float32), start_ns, RATE_HZ, "g", ("x",))
