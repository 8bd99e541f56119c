"""Continuous samples, delivered in blocks that fit in a small memory."""

from collections import deque
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
class Gap:
    """A place where samples are missing.

    Attributes:
        at: number of the first sample after it.
        start_ns: time of that sample.
    """

    at: int
    start_ns: int


@dataclass(frozen=True, slots=True)
class ContinuousRecording:
    """A Recording of one run of samples, or of several with gaps between them.

    Attributes:
        gaps: where samples are missing, in order.
        read: starts a pass over the file; yields float32 (n, channels), C-contiguous, finite.
    """

    path: Path
    channels: tuple[str, ...]
    rate_hz: float
    unit: str | None
    start_ns: int
    length: int | None
    read: Callable[[], Iterator[NDArray[np.float32]]]
    gaps: tuple[Gap, ...] = ()
    kind: Literal["samples"] = field(default="samples", init=False)
    period_s: None = field(default=None, init=False)
    burst_length: None = field(default=None, init=False)

    def blocks(self) -> Iterator[Block]:
        """See Recording.blocks; times count samples from a run's start, so they do not drift."""
        ahead = deque(self.gaps)
        run = Gap(0, self.start_ns)
        done, gap = 0, False
        for samples in self.read():
            first = 0
            while first < len(samples):
                if ahead and ahead[0].at == done:
                    run, gap = ahead.popleft(), True
                last = min(len(samples), first + ahead[0].at - done) if ahead else len(samples)
                start_ns = run.start_ns + round((done - run.at) / self.rate_hz * NS)
                part = samples[first:last]
                yield Block(part, start_ns, self.rate_hz, self.unit, self.channels, gap)
                done, first, gap = done + len(part), last, False
