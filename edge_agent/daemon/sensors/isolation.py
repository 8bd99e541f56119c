"""What an agent and the process of one sensor say to each other.

Orders and answers are short messages through a socket that keeps their bounds, one answer to one
order. Samples do not go through it: they lie in memory that both processes map, one block at a
time, and the next one is not asked for before they are taken from there. So nothing can pile up,
however fast the plugin is.
"""

from typing import Any, Literal

import msgspec

from edge_agent.daemon.sensors.samples import LARGEST_BYTES
from edge_agent.plugin import SensorInfo

MEMORY_BYTES = LARGEST_BYTES  # set aside; only what a block fills is ever taken
MESSAGE_BYTES = 1 << 16
TEXT_MAX = 2000  # characters of what a plugin says of its failure


class Open(msgspec.Struct, frozen=True, tag=True):
    """Load the plugin, configure and open the sensor."""

    plugin: str
    options: dict[str, Any]


class Read(msgspec.Struct, frozen=True, tag=True):
    """Read once."""

    timeout_s: float


class Close(msgspec.Struct, frozen=True, tag=True):
    """Close the sensor and end."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The process has started; said once, unasked."""


class Opened(msgspec.Struct, frozen=True, tag=True):
    """The sensor is open."""

    version: str
    info: SensorInfo


class Delivered(msgspec.Struct, frozen=True, tag=True):
    """A block, but for its samples; whether it is one is for the agent to judge."""

    shape: tuple[int, int]
    start_ns: Any
    rate_hz: Any
    unit: Any
    channels: Any
    gap_before: bool


class Nothing(msgspec.Struct, frozen=True, tag=True):
    """There was no block within the time."""


class Ended(msgspec.Struct, frozen=True, tag=True):
    """There will never be one again."""


class Closed(msgspec.Struct, frozen=True, tag=True):
    """The sensor is closed."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The plugin raised.

    Attributes:
        text: name of the exception and what it says.
        what: ``plugin``: it cannot be used at all, and trying again would give the same.
    """

    text: str
    what: Literal["plugin", "sensor"]


Order = Open | Read | Close
Answer = Ready | Opened | Delivered | Nothing | Ended | Closed | Failed
