"""The sensor ``simulated``: the machine sampled in real time, in time-lapse, or at once."""

import time
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import msgspec
import numpy as np

from edge_agent.plugin import SENSOR_API_VERSION, Block, EndOfData, SensorError, SensorInfo
from edge_sensor_simulated.options import SimulatedOptions
from edge_sensor_simulated.vibration import simulate

STANDARD_GRAVITY_M_S2 = 9.80665

_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SimulatedSensor:
    """Delivers a block when its last sample's time has come; one that is late delivers at once."""

    api_version: ClassVar[int] = SENSOR_API_VERSION
    version: ClassVar[str] = "1"
    options: ClassVar[type[msgspec.Struct]] = SimulatedOptions

    def __init__(self, options: SimulatedOptions) -> None:
        """Keep the options."""
        self._options = options
        self._scale = np.float32(1.0 if options.unit == "g" else STANDARD_GRAVITY_M_S2)
        self._start_ns = 0
        self._opened_s: float | None = None
        self._delivered = 0

    @property
    def info(self) -> SensorInfo:
        """What the options say."""
        options = self._options
        return SensorInfo(
            options.channels,
            options.rate_hz,
            options.unit,
            None if options.range_g is None else options.range_g * float(self._scale),
            options.period_s,
            "boot" if self._is_real_time else "source",
        )

    @property
    def _is_real_time(self) -> bool:
        """Simulated time is time here and now."""
        return self._options.start is None and self._options.speedup == 1.0

    def open(self) -> None:
        """Start at simulated time 0."""
        start = self._options.start
        if self._is_real_time:
            self._start_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        elif start is None:
            self._start_ns = time.time_ns()
        else:
            self._start_ns = (start - _EPOCH) // timedelta(microseconds=1) * 1000
        self._opened_s = time.monotonic()
        if self._options.aligned:
            early_s = self._opened_s % 1.0
            self._opened_s -= early_s
            self._start_ns -= round(early_s * _NS) if start is None else 0
        self._delivered = 0

    def read(self, timeout_s: float) -> Block | None:
        """Return the next block, or None where its time has not come within ``timeout_s``.

        Raises:
            EndOfData: ``duration_s`` is over.
            SensorError: the sensor is not open.
        """
        options = self._options
        if self._opened_s is None:
            raise SensorError("simulated: the sensor is not open")
        lasting_s = options.length / options.rate_hz
        begin_s = options.phase_s + self._delivered * (options.period_s or lasting_s)
        end_s = begin_s + lasting_s
        if options.duration_s is not None and end_s > options.duration_s:
            raise EndOfData
        if options.speedup:
            wait_s = self._opened_s + end_s / options.speedup - time.monotonic()
            time.sleep(max(0.0, min(wait_s, timeout_s)))
            if wait_s > timeout_s:
                return None
        self._delivered += 1
        return self._block(begin_s)

    def _block(self, begin_s: float) -> Block:
        options = self._options
        samples = simulate(
            options,
            rate_hz=options.rate_hz,
            length=options.length,
            start_s=begin_s,
            channels=len(options.channels),
        )
        if options.range_g is not None:
            np.clip(samples, -options.range_g, options.range_g, out=samples)
        samples *= self._scale
        first = round(begin_s * options.rate_hz)
        start_ns = self._start_ns + round(first / options.rate_hz * _NS)
        return Block(samples, start_ns, options.rate_hz, options.unit, options.channels)

    def close(self) -> None:
        """Stop; opening again starts again at simulated time 0."""
        self._opened_s = None
