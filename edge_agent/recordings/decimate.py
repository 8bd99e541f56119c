"""Decimation by a whole number, after a low-pass filter that keeps what would alias out.

The filter is a linear-phase FIR: a windowed sinc with a Kaiser window (J. F. Kaiser, "Nonrecursive
digital filter design using the I0-sinh window function", 1974). Pass band up to 0.8 of the new
Nyquist frequency, stop band from the new Nyquist frequency on, ripple and stop band -60 dB: by
Kaiser's formula 36 taps per factor, taken as 2 x 18 x factor + 1. Its delay is then exactly 18
output samples. Those are left away at the start and supplied at the end, so the output is aligned
with the input: sample k of the output is at the time of sample k x factor of the input.

The filter is causal and runs block by block with its state carried over, so how a continuous
recording is cut into blocks makes no difference. It starts afresh after a gap and for every
burst. Before the first and after the last sample the signal is taken to stay where it was: the
first and last 18 output samples of a burst are affected by that, but a constant (gravity) passes
without a step.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edge_agent.plugin import Block
from edge_agent.recordings.continuous import NS
from edge_agent.recordings.recording import Recording, RecordingError
from edge_agent.recordings.view import RecordingView

DELAY = 18  # of the filter, in output samples
_CUTOFF = 0.9  # middle of the transition, of the new Nyquist frequency
_KAISER_BETA = 0.1102 * (60.0 - 8.7)  # Kaiser's formula for 60 dB


def decimated(recording: Recording, factor: int) -> Recording:
    """Return ``recording`` at 1 / ``factor`` of its rate.

    Raises:
        RecordingError: a feature table, which has no rate.
    """
    if factor == 1:
        return recording
    if recording.kind == "features" or recording.rate_hz is None:
        raise RecordingError(
            recording.path,
            f"is a table of features, which --decimate {factor} cannot be applied to",
        )
    return _DecimatedRecording(recording, factor, recording.rate_hz / factor)


def low_pass(factor: int) -> NDArray[np.float32]:
    """Taps of the filter, float32 (2 x 18 x factor + 1,), their sum 1."""
    half = DELAY * factor
    cutoff = _CUTOFF / factor
    taps = np.sinc(cutoff * np.arange(-half, half + 1)) * np.kaiser(2 * half + 1, _KAISER_BETA)
    scaled: NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return scaled


class Decimator:
    """Filters and thins a stream of samples."""

    def __init__(self, factor: int) -> None:
        """Start before the first sample of a stream."""
        self._factor = factor
        self._taps = low_pass(factor)
        self._kept: NDArray[np.float32] | None = None

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take samples (n, channels), n > 0; return the output samples that are complete by now."""
        if self._kept is None:
            self._kept = np.repeat(samples[:1], DELAY * self._factor, axis=0)
        joined = np.concatenate((self._kept, samples))
        count = max(0, (len(joined) - len(self._taps)) // self._factor + 1)
        self._kept = joined[count * self._factor :].copy()
        if count == 0:
            return joined[:0]
        # A contiguous row per channel; every factor-th window of it against the taps.
        windows = sliding_window_view(np.ascontiguousarray(joined.T), len(self._taps), axis=1)
        thinned = windows[:, : count * self._factor : self._factor]
        return np.ascontiguousarray((thinned @ self._taps).T)

    def flush(self) -> NDArray[np.float32]:
        """Return the output samples still due, and start afresh."""
        if self._kept is None:
            return np.empty((0, 0), np.float32)
        rest = self.push(np.repeat(self._kept[-1:], DELAY * self._factor, axis=0))
        self._kept = None
        return rest


@dataclass(frozen=True, slots=True)
class _DecimatedRecording(RecordingView):
    """A Recording of samples at a lower rate."""

    factor: int
    lower_hz: float

    @property
    def rate_hz(self) -> float:
        return self.lower_hz

    @property
    def burst_length(self) -> int | None:
        length = self.source.burst_length
        return None if length is None else -(-length // self.factor)

    @property
    def length(self) -> int | None:
        length = self.source.length
        if length is None or self.period_s is not None:
            return length
        return -(-length // self.factor)

    def blocks(self) -> Iterator[Block]:
        """See Recording.blocks."""
        if self.period_s is None:
            yield from self._continuous()
            return
        decimator = Decimator(self.factor)
        for block in self.source.blocks():
            head = decimator.push(block.samples)
            samples = np.concatenate((head, decimator.flush()))
            yield self._block(samples, block, block.start_ns, gap=block.gap_before)

    def _continuous(self) -> Iterator[Block]:
        decimator = Decimator(self.factor)
        first: Block | None = None  # of the run since the last gap; times are counted from it
        done = 0
        gap = False
        for block in self.source.blocks():
            if first is not None and block.gap_before:
                rest = decimator.flush()
                yield self._block(rest, first, self._time_ns(first, done), gap=gap)
                first = None
            if first is None:
                first, done, gap = block, 0, block.gap_before
            samples = decimator.push(block.samples)
            if len(samples):
                yield self._block(samples, first, self._time_ns(first, done), gap=gap)
                done += len(samples)
                gap = False
        if first is not None:
            rest = decimator.flush()
            if len(rest):
                yield self._block(rest, first, self._time_ns(first, done), gap=gap)

    def _time_ns(self, first: Block, done: int) -> int:
        return first.start_ns + round(done / self.rate_hz * NS)

    def _block(
        self, samples: NDArray[np.float32], like: Block, start_ns: int, *, gap: bool
    ) -> Block:
        return Block(samples, start_ns, self.rate_hz, like.unit, like.channels, gap)
