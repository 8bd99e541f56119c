"""What a sensor plugin is: an options struct, and open, read, close."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

import msgspec

from edge_agent.plugin.block import Block

SENSOR_API_VERSION = 2

Clock = Literal["boot", "source"]


class SensorError(Exception):
    """The sensor failed; the message says what was found and what is allowed."""


class EndOfData(Exception):  # noqa: N818 - it is no failure: a recording has been replayed whole
    """The source has delivered all that it will ever deliver."""


@dataclass(frozen=True, slots=True)
class SensorInfo:
    """What a sensor delivers, known before the first block.

    Attributes:
        channels: names in column order.
        rate_hz: samples per second and channel, None where the source has none.
        unit: unit of the samples, None where the source has none.
        range_max: largest magnitude the sensor can deliver, in ``unit``; None where unknown.
        period_s: None for continuous sampling, else the seconds from burst to burst:
            then every block is one burst.
        clock: what the blocks' ``start_ns`` are times of. ``boot``: CLOCK_BOOTTIME, which nobody
            sets and which goes on while the machine sleeps; blocks are then expected to come in
            real time. ``source``: the source's own, in UTC, as of a recording or a simulation
            that runs faster than life.
    """

    channels: tuple[str, ...]
    rate_hz: float | None
    unit: str | None
    range_max: float | None = None
    period_s: float | None = None
    clock: Clock = "boot"


@runtime_checkable
class Sensor(Protocol):
    """One configured source of samples; the class itself is the entry point's target.

    The agent reads the class attributes, validates the configuration's options against
    ``options``, constructs the sensor with them and calls ``open``, ``read`` ... ``close`` from
    one thread. The constructor must not touch the device.
    """

    api_version: ClassVar[int]
    version: ClassVar[str]
    options: ClassVar[type[msgspec.Struct]]

    def __init__(self, options: msgspec.Struct) -> None:
        """Keep ``options``, an instance of the class attribute of that name."""

    @property
    def info(self) -> SensorInfo:
        """What the blocks will look like; valid after ``open``."""

    def open(self) -> None:
        """Acquire the device. Raises SensorError where that fails."""

    def read(self, timeout_s: float) -> Block | None:
        """Return the next block, or None when there is none within ``timeout_s`` seconds.

        Raises:
            SensorError: the device failed; the agent closes the sensor and starts it again.
            EndOfData: nothing will ever follow.
        """

    def close(self) -> None:
        """Release the device; never raises, may be called twice."""
