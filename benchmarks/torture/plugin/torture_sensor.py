"""A sensor that costs next to nothing, gets loud at given times, and goes wrong on request."""

import os
import signal
import threading
import time
from typing import Any, ClassVar, Literal

import msgspec
import numpy as np

from edge_agent.plugin import SENSOR_API_VERSION, Block, Clock, SensorError, SensorInfo

_LOUDER = np.float32(10.0)
_LENGTH = 256
_LEAK_BYTES = 4 << 20
_NS = 1_000_000_000

Fault = Literal["raise", "hang", "leak", "segfault", "flood", "rubbish"]


class TortureOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the sensor delivers.

    Attributes:
        rate_hz: samples per second; a block has 256.
        period_s: seconds from burst to burst; None samples without a pause.
        interval_s: seconds from block to block; data may so be faster than life.
        phase_s: seconds by which the first block is later than the first interval.
        real_time: the blocks' times are those of the clock that nobody sets; needs an interval of
            what a block lasts.
        rush: so many blocks come at once when the sensor is opened.
        loud_every: of so many blocks the last ``loud_for`` are loud; 0: none is.
        loud_for: see ``loud_every``.
        fault: what goes wrong from block ``fault_at`` on.
        fault_at: see ``fault``.
    """

    rate_hz: float = 256.0
    period_s: float | None = None
    interval_s: float = 0.1
    phase_s: float = 0.0
    real_time: bool = False
    rush: int = 0
    loud_every: int = 0
    loud_for: int = 0
    fault: Fault | None = None
    fault_at: int = 20


class TortureSensor:
    """Delivers the same piece of noise again and again, louder at times."""

    api_version: ClassVar[int] = SENSOR_API_VERSION
    version: ClassVar[str] = "1"
    options: ClassVar[type[msgspec.Struct]] = TortureOptions

    def __init__(self, options: TortureOptions) -> None:
        """Keep the options."""
        self._options = options
        noise = np.random.default_rng(7).standard_normal((_LENGTH, 1))
        self._calm = (0.1 * noise).astype(np.float32)
        self._leaked: list[bytearray] = []
        self._opened_s = 0.0
        self._start_ns = 0
        self._block = 0

    @property
    def info(self) -> SensorInfo:
        """One channel in g."""
        options = self._options
        clock: Clock = "boot" if options.real_time else "source"
        return SensorInfo(("x",), options.rate_hz, "g", None, options.period_s, clock)

    def open(self) -> None:
        """Begin now."""
        boot = self._options.real_time
        clock = time.CLOCK_BOOTTIME if boot else time.CLOCK_REALTIME
        self._start_ns = time.clock_gettime_ns(clock) + round(self._options.phase_s * _NS)
        self._opened_s = time.monotonic() + self._options.phase_s
        self._block = 0

    def read(self, timeout_s: float) -> Block | None:
        """Return the next block when it is due, None where that is later."""
        options, number = self._options, self._block
        faulty = options.fault is not None and number >= options.fault_at
        if number >= options.rush and not (faulty and options.fault == "flood"):
            due_s = self._opened_s + (number - options.rush + 1) * options.interval_s
            wait_s = due_s - time.monotonic()
            # As time.sleep, which fails under libfaketime: that breaks clock_nanosleep(2).
            threading.Event().wait(max(0.0, min(wait_s, timeout_s)))
            if wait_s > timeout_s:
                return None
        self._block += 1
        samples = self._calm
        if options.loud_every and number % options.loud_every >= (
            options.loud_every - options.loud_for
        ):
            samples = samples * _LOUDER
        if faulty:
            samples = self._go_wrong(number, samples)
        step_s = options.period_s or _LENGTH / options.rate_hz
        start_ns = self._start_ns + round(number * step_s * _NS)
        return Block(samples, start_ns, options.rate_hz, "g", ("x",))

    def close(self) -> None:
        """Nothing is held."""

    def _go_wrong(self, number: int, samples: Any) -> Any:  # noqa: ANN401 - rubbish of any kind
        match self._options.fault:
            case "raise":
                raise SensorError("the device was unplugged")
            case "hang":
                threading.Event().wait()
            case "leak":
                self._leaked.append(bytearray(os.urandom(1024)) * (_LEAK_BYTES // 1024))
            case "segfault":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "rubbish":
                wrong = (
                    samples.astype(np.float64),
                    samples[:3],
                    np.full_like(samples, np.nan),
                    None,
                    "samples",
                    np.zeros((0, 1), np.float32),
                    np.zeros((256, 7), np.float32),
                )
                return wrong[number % len(wrong)]
        return samples
