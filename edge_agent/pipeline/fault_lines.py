"""Candidates for a damaged part: fault lines in the spectra of features that know the geometry."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.compact import Curve, curve
from edge_agent.plugin import Fault, LineSpectrum

_STANDS_OUT = 5.0  # times the median amplitude, from where a fault line is one
_MORE_THAN_HEALTHY = 1.5
_DIGITS = 5
_POINTS = 600  # of a picture; faults are looked for in all lines


class LineEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One harmonic of a fault.

    Attributes:
        harmonic: 1 for the fault's own frequency.
        expected_hz: by the geometry and the shaft's speed.
        found_hz: the largest amplitude near it.
        prominence: that amplitude / the spectrum's median.
        healthy: the same when the machine was healthy.
    """

    harmonic: int
    expected_hz: float
    found_hz: float
    prominence: float
    healthy: float | None


class FaultEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """How far the lines of one fault stand out.

    Attributes:
        name: such as ``BPFO``.
        part: that would be damaged.
        candidate: its lines stand out, and more than when the machine was healthy.
        prominence: mean over the harmonics, in medians of the spectrum; 5 and more is a line.
        healthy: the same when the machine was healthy.
        lines: the harmonics that belong to no other fault.
    """

    name: str
    part: str
    candidate: bool
    prominence: float
    healthy: float | None
    lines: tuple[LineEvidence, ...]


class LinePicture(msgspec.Struct, frozen=True, kw_only=True):
    """A spectrum in which faults are looked for, of one channel.

    Attributes:
        title: what was transformed.
        step_hz: from one amplitude to the next, the first at 0.
        now: amplitudes / their median.
        healthy: the same when the machine was healthy; null where nothing was learned yet.
        faults: what was looked for.
    """

    title: str
    step_hz: float
    now: Curve
    healthy: Curve | None
    faults: tuple[FaultEvidence, ...]


def line_picture(
    spectrum: LineSpectrum, channel: int, healthy: NDArray[np.floating[Any]] | None
) -> LinePicture:
    """Return the spectrum of one channel by its number, beside ``healthy``, float (n,)."""
    now = _over_median(spectrum.amplitudes[channel])
    then = None if healthy is None else _over_median(healthy)
    per_point = -(-len(now) // _POINTS)
    return LinePicture(
        title=spectrum.title,
        step_hz=spectrum.step_hz * per_point,
        now=curve(_highest(now, per_point)),
        healthy=None if then is None else curve(_highest(then, per_point)),
        faults=tuple(_fault(fault, spectrum.step_hz, now, then) for fault in spectrum.faults),
    )


def _highest(values: NDArray[np.float64], per_point: int) -> NDArray[np.float64]:
    """Return the highest of each ``per_point`` values: a picture has room for so many only."""
    padded = np.pad(values, (0, -len(values) % per_point), mode="edge")
    highest: NDArray[np.float64] = padded.reshape(-1, per_point).max(axis=1)
    return highest


def _over_median(amplitudes: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return amplitudes / their median but for the first, which is no vibration."""
    median = float(np.median(amplitudes[1:])) if len(amplitudes) > 1 else 0.0
    return amplitudes.astype(np.float64) / (median or 1.0)


def _fault(
    fault: Fault, step_hz: float, now: NDArray[np.float64], healthy: NDArray[np.float64] | None
) -> FaultEvidence:
    lines = []
    for line in fault.lines:
        low, high = round(line.low_hz / step_hz), round(line.high_hz / step_hz) + 1
        at = low + int(np.argmax(now[low:high]))
        before = None if healthy is None else float(f"{healthy[low:high].max():.3g}")
        lines.append(
            LineEvidence(
                harmonic=line.harmonic,
                expected_hz=float(f"{line.expected_hz:.{_DIGITS}g}"),
                found_hz=float(f"{at * step_hz:.{_DIGITS}g}"),
                prominence=float(f"{now[at]:.3g}"),
                healthy=before,
            )
        )
    prominence = float(np.mean([line.prominence for line in lines]))
    known = [line.healthy for line in lines if line.healthy is not None]
    before = float(np.mean(known)) if known else None
    stands_out = prominence >= _STANDS_OUT
    return FaultEvidence(
        name=fault.name,
        part=fault.part,
        candidate=stands_out and (before is None or prominence >= _MORE_THAN_HEALTHY * before),
        prominence=float(f"{prominence:.3g}"),
        healthy=None if before is None else float(f"{before:.3g}"),
        lines=tuple(lines),
    )
