"""The block: samples as a sensor delivers them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive samples of one or more channels taken at one rate.

    Attributes:
        samples: float32, shape (n, channels), C-contiguous, in ``unit``.
        start_ns: time of the first sample, nanoseconds: of CLOCK_BOOTTIME where the sensor's
            ``clock`` is ``boot``, else UTC since the Unix epoch; always UTC in recordings.
        rate_hz: samples per second and channel; None where the source states none.
        unit: unit of the samples ("g", "m/s2", "V", ...); None where the source states none.
        channels: channel names in column order.
        gap_before: the source knows that samples are missing before this block.
        utc_offset_ns: what to add to ``start_ns`` for UTC; sensors leave it alone, the agent
            fills it in.
    """

    samples: NDArray[np.float32]
    start_ns: int
    rate_hz: float | None
    unit: str | None
    channels: tuple[str, ...]
    gap_before: bool = False
    utc_offset_ns: int = 0

    @property
    def utc_ns(self) -> int:
        """Time of the first sample, UTC, nanoseconds since the Unix epoch."""
        return self.start_ns + self.utc_offset_ns
