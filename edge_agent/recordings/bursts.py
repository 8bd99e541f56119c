"""Bursts of one length that were taken every so often: one block each."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_agent.plugin import Block
from edge_agent.recordings.continuous import NS


@dataclass(frozen=True, slots=True)
class BurstRecording:
    """A Recording of bursts.

    Attributes:
        starts_ns: time of each burst's first sample.
        read: starts a pass; yields float32 (burst_length, channels) per burst, in order.
    """

    path: Path
    channels: tuple[str, ...]
    rate_hz: float
    unit: str | None
    period_s: float
    burst_length: int
    starts_ns: Sequence[int]
    read: Callable[[], Iterator[NDArray[np.float32]]]
    kind: Literal["samples"] = field(default="samples", init=False)

    @property
    def length(self) -> int:
        """Number of bursts."""
        return len(self.starts_ns)

    def blocks(self) -> Iterator[Block]:
        """See Recording.blocks; a burst that comes half a period late has a gap before it."""
        gaps = gaps_before(self.starts_ns, self.period_s)
        for samples, start_ns, gap in zip(self.read(), self.starts_ns, gaps, strict=True):
            yield Block(samples, start_ns, self.rate_hz, self.unit, self.channels, gap)


def gaps_before(starts_ns: Iterable[int], period_s: float) -> Iterator[bool]:
    """Say for each start whether it comes half a period later than due, or before the last."""
    allowed_ns = round(1.5 * period_s * NS)
    previous_ns: int | None = None
    for start_ns in starts_ns:
        yield previous_ns is not None and not 0 <= start_ns - previous_ns <= allowed_ns
        previous_ns = start_ns
