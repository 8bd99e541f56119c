"""Part of a recording, written FIRST:LAST, counted from 0, half open, either end optional."""

import re
from collections.abc import Generator
from dataclasses import dataclass, replace

from edge_agent.plugin import Block
from edge_agent.recordings import Recording

_SPAN = re.compile(r"(\d*):(\d*)")
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """Bursts or rows ``first`` to ``last``, or samples of a continuous recording."""

    first: int
    last: int | None

    @classmethod
    def parse(cls, text: str) -> "Span":
        """Parse such as ``900:``, ``:200``, ``200:900`` or ``:``.

        Raises:
            ValueError: it is none, or holds nothing.
        """
        match = _SPAN.fullmatch(text)
        if match is None:
            raise ValueError(f"range is {text!r}, allowed: FIRST:LAST, FIRST:, :LAST")
        first, last = (int(number) if number else None for number in match.groups())
        if last is not None and last <= (first or 0):
            raise ValueError(f"range is {text!r}, allowed: a LAST above FIRST")
        return cls(first or 0, last)

    def bursts(self, recording: Recording) -> Generator[Block, None, None]:
        """Yield the bursts or rows of this span."""
        for number, block in enumerate(recording.blocks()):
            if self.last is not None and number >= self.last:
                return
            if number >= self.first:
                yield block

    def samples(
        self, recording: Recording, rate_hz: float, length: int
    ) -> Generator[Block, None, None]:
        """Yield the samples of this span in blocks of at most ``length``."""
        done = 0
        for block in recording.blocks():
            begin = max(self.first - done, 0)
            end = len(block.samples) if self.last is None else self.last - done
            done += len(block.samples)
            for at in range(begin, min(end, len(block.samples)), length):
                yield replace(
                    block,
                    samples=block.samples[at : min(at + length, end)],
                    start_ns=block.start_ns + round(at / rate_hz * _NS),
                    gap_before=block.gap_before and at == 0,
                )
            if self.last is not None and done >= self.last:
                return
