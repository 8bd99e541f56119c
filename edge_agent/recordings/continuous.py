"""Samples without interruption, delivered in blocks that fit in a small memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_agent.plugin import Block

BLOCK_LENGTH = 32768  # samples per channel of a block; a few hundred kilobytes
NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ContinuousRecording:
    """A Recording of one uninterrupted run of samples.

    Attributes:
        read: starts a pass over the file; yields float32 (n, channels), C-contiguous, finite.
    """

    path: Path
    channels: tuple[str, ...]
    rate_hz: float
    unit: str | None
    start_ns: int
    length: int | None
    read: Callable[[], Iterator[NDArray[np.float32]]]
    kind: Literal["samples"] = field(default="samples", init=False)
    period_s: None = field(default=None, init=False)
    burst_length: None = field(default=None, init=False)

    def blocks(self) -> Iterator[Block]:
        """See Recording.blocks; times count samples from the start, so they do not drift."""
        done = 0
        for samples in self.read():
            start_ns = self.start_ns + round(done / self.rate_hz * NS)
            yield Block(samples, start_ns, self.rate_hz, self.unit, self.channels)
            done += len(samples)
