"""What a feature plugin may tell beyond its numbers: a spectrum, and where faults show in it."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edge_agent.plugin.feature import CentredWindow


@dataclass(frozen=True, slots=True)
class FaultLine:
    """One frequency at which a fault shows.

    Attributes:
        harmonic: 1 for the fault's own frequency.
        expected_hz: where it should be.
        low_hz: lower end of where it is looked for.
        high_hz: upper end.
    """

    harmonic: int
    expected_hz: float
    low_hz: float
    high_hz: float


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that repeats at a rate of its own.

    Attributes:
        name: such as ``BPFO``.
        part: what would be damaged, in words.
        lines: where it shows, the first harmonic first.
    """

    name: str
    part: str
    lines: tuple[FaultLine, ...]


@dataclass(frozen=True, slots=True)
class LineSpectrum:
    """A spectrum in which the lines of faults are looked for.

    Attributes:
        title: what was transformed, in words.
        step_hz: from one amplitude to the next; the first is at 0 Hz.
        amplitudes: float32 (channels, n), up to a factor that is the same from window to window.
        faults: those that are looked for.
    """

    title: str
    step_hz: float
    amplitudes: NDArray[np.float32]
    faults: tuple[Fault, ...]


@runtime_checkable
class ShowsLines(Protocol):
    """A feature that can say where faults would show; asked when an anomaly is explained."""

    def line_spectrum(self, window: CentredWindow) -> LineSpectrum:
        """Return the spectrum of each of the window's channels."""
