"""Blocks become windows of fixed length: continuous with a hop, or one burst every period."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.block import InputError, InputSpec
from edge_agent.pipeline.faults import CLIP_SHARE
from edge_agent.plugin import Block

_NS = 1_000_000_000
_JITTER_S = 0.02  # a host that stamps blocks on arrival may be late by this without any loss


@dataclass(frozen=True, slots=True)
class Window:
    """One window of samples.

    Attributes:
        samples: float32 (length, channels); may be a view of the block it was cut from.
        start_ns: time of the first sample, UTC nanoseconds since the Unix epoch.
        end_ns: time just after the last sample.
        gap: samples are missing between the window before and this one.
        clipped: the input range was touched; scored all the same, a failing bearing clips.
        utc_offset_ns: of the clock that says what follows on what, which nobody sets; 0 where
            that is UTC itself, as in recordings.
    """

    samples: NDArray[np.float32]
    start_ns: int
    end_ns: int
    gap: bool
    clipped: bool
    utc_offset_ns: int = 0

    @classmethod
    def of_times(
        cls, start_ns: int, end_ns: int, utc_offset_ns: int = 0, *, gap: bool = False
    ) -> "Window":
        """Return a window without samples: its vector was computed before."""
        none = np.empty((0, 0), np.float32)
        return cls(none, start_ns, end_ns, gap, clipped=False, utc_offset_ns=utc_offset_ns)

    @property
    def steady_ns(self) -> int:
        """Time of the first sample on the clock that nobody sets."""
        return self.start_ns - self.utc_offset_ns


class Windower:
    """Cuts windows from blocks; never joins samples across a gap and never invents any."""

    def __init__(self, spec: InputSpec, range_max: float | None = None) -> None:
        """Cut windows of ``spec.length``; touching ``range_max`` (in the unit) marks clipping."""
        self._spec = spec
        self._clip_at = None if range_max is None else CLIP_SHARE * range_max
        self._kept: NDArray[np.float32] | None = None
        self._due_ns: int | None = None
        self._skip = 0  # samples still to pass over where the hop is longer than the window
        self._gap = False

    def push(self, block: Block) -> Iterator[Window]:
        """Yield the windows that ``block`` completes.

        Raises:
            InputError: continuous samples without a rate.
        """
        if self._spec.period_s is not None:
            yield from self._push_burst(block)
        else:
            yield from self._push_continuous(block)

    def _push_burst(self, block: Block) -> Iterator[Window]:
        period_ns = round((self._spec.period_s or 0.0) * _NS)
        late = self._due_ns is not None and block.start_ns - self._due_ns > period_ns // 2
        backwards = self._due_ns is not None and block.start_ns < self._due_ns - period_ns
        self._gap = self._gap or late or backwards or block.gap_before
        self._due_ns = block.start_ns + period_ns
        if len(block.samples) < self._spec.length:
            self._gap = True  # a burst cut short is a missing window, not a shorter one
            return
        rate_hz = block.rate_hz or len(block.samples) / (period_ns / _NS)
        yield from self._cut(block.samples, block.start_ns, rate_hz, block.utc_offset_ns)

    def _push_continuous(self, block: Block) -> Iterator[Window]:
        rate_hz = block.rate_hz
        if rate_hz is None or not 0.0 < rate_hz < np.inf:
            raise InputError(
                f"block has rate_hz {rate_hz}, allowed: a number above 0 for continuous samples,"
                " or bursts with a period"
            )
        samples, start_ns = block.samples, block.start_ns
        # What gets lost is a block or more; less than half of one is a clock that trembles.
        lost_s = max(0.5 * len(samples) / rate_hz, _JITTER_S)
        tolerance_ns = round(min(0.5 * self._spec.hop / rate_hz, lost_s) * _NS)
        broken = self._due_ns is not None and abs(start_ns - self._due_ns) > tolerance_ns
        if broken or block.gap_before:
            self._gap, self._kept, self._skip = True, None, 0
        self._due_ns = start_ns + _span_ns(len(samples), rate_hz)
        if self._kept is not None:
            start_ns -= _span_ns(len(self._kept), rate_hz)
            samples = np.concatenate((self._kept, samples))
        elif self._skip:
            start_ns += _span_ns(self._skip, rate_hz)
            self._skip, samples = max(0, self._skip - len(samples)), samples[self._skip :]
        yield from self._cut(samples, start_ns, rate_hz, block.utc_offset_ns)
        done = self._cut_count(len(samples)) * self._spec.hop
        rest = samples[done:]
        self._kept = rest.copy() if len(rest) else None
        self._skip += max(0, done - len(samples))

    def _cut_count(self, n: int) -> int:
        return max(0, (n - self._spec.length) // self._spec.hop + 1)

    def _cut(
        self, samples: NDArray[np.float32], start_ns: int, rate_hz: float, utc_offset_ns: int
    ) -> Iterator[Window]:
        length, hop = self._spec.length, self._spec.hop
        for k in range(self._cut_count(len(samples))):
            part = samples[k * hop : k * hop + length]
            first_ns = start_ns + _span_ns(k * hop, rate_hz) + utc_offset_ns
            window = Window(
                part,
                first_ns,
                first_ns + _span_ns(length, rate_hz),
                self._gap,
                self._clips(part),
                utc_offset_ns,
            )
            self._gap = False
            yield window

    def _clips(self, samples: NDArray[np.float32]) -> bool:
        if self._clip_at is None:
            return False
        return bool(samples.max() >= self._clip_at or samples.min() <= -self._clip_at)


def _span_ns(n: int, rate_hz: float) -> int:
    return round(n / rate_hz * _NS)
