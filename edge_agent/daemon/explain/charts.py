"""The pictures of a snapshot: spectrum, waveform, fault lines, and a feature in its range."""

from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from edge_agent.daemon.explain.findings import rises
from edge_agent.daemon.explain.svg import (
    BOTTOM,
    GRID,
    HEALTHY,
    HEIGHT,
    INK,
    NOW,
    SOFT,
    SPREAD,
    Chart,
    across,
    node,
    upright,
)
from edge_agent.daemon.explain.words import frequency
from edge_agent.pipeline.compact import Waveform
from edge_agent.pipeline.evidence import FeatureEvidence
from edge_agent.pipeline.fault_lines import LinePicture
from edge_agent.pipeline.picture import ChannelPicture

_MARKED = 3  # rises that are named in a spectrum
_LEAST_SPREAD_DB = 0.5
_SHOWN_DB = 60.0  # below the highest level, at most
_BAR_WIDTH, _BAR_HEIGHT = 150, 20
_KILO, _MILLI = 1000.0, 1e-3


def draw_spectrum(
    parent: Element, channel: ChannelPicture, edges_hz: tuple[float, ...], unit: str | None
) -> None:
    """Draw how much vibration there is at each frequency, healthy beside now."""
    if channel.now_db is None:
        return
    edges = np.array(edges_hz)
    middle = np.sqrt(edges[:-1] * edges[1:])
    now = channel.now_db.values()
    healthy: tuple[NDArray[np.float64], ...] = ()
    if channel.healthy_db is not None and channel.healthy_spread_db is not None:
        mean = channel.healthy_db.values()
        reach = 2 * np.maximum(channel.healthy_spread_db.values(), _LEAST_SPREAD_DB)
        healthy = mean - reach, mean, mean + reach
    curves = [now, *healthy]
    highest = max(float(curve.max()) for curve in curves) + 4.0
    lowest = max(min(float(np.percentile(c, 2)) for c in curves) - 3.0, highest - _SHOWN_DB)
    y = upright(_amplitude(lowest), _amplitude(highest), log=True)
    chart = Chart(
        parent,
        f"Spectrum of channel {channel.name}, healthy beside now",
        across(float(edges[0]), float(edges[-1]), log=True),
        y,
    )
    chart.grid("Hz", f"rms of each band{f', {unit}' if unit else ''}")
    if healthy:
        chart.area(middle, _amplitudes(healthy[0]), _amplitudes(healthy[2]), SPREAD)
        chart.line(middle, _amplitudes(healthy[1]), HEALTHY, 1.6, "5 3")
    chart.line(middle, _amplitudes(now), NOW, 1.8)
    for row, rise in enumerate(rises(channel, edges_hz)[:_MARKED]):
        chart.mark(rise.peak_hz, INK, f"{frequency(rise.peak_hz)} +{rise.db:.0f} dB", row=row)


def draw_waveforms(parent: Element, channel: ChannelPicture, unit: str | None) -> None:
    """Draw the vibration in the course of the window, healthy above now, on one scale."""
    shown = [("healthy", channel.healthy_waveform, HEALTHY), ("now", channel.waveform, NOW)]
    panels = [(name, *_course(wave), colour) for name, wave, colour in shown if wave is not None]
    largest = max(float(np.abs(y).max(initial=1e-12)) for _, _, y, _ in panels) * 1.08
    last_s = max(float(x[-1]) for _, x, _, _ in panels) or 1.0
    timed = channel.waveform.step_s is not None
    height = HEIGHT
    steps = 2 * len(panels)
    chart = Chart(
        parent,
        f"Waveform of channel {channel.name}, healthy above now",
        across(0.0, last_s),
        upright(0.0, float(steps), height),
        height,
    )
    in_ms = timed and last_s < 1.0
    for tick in chart.x.ticks(5):
        at = chart.x.at(tick)
        text = f"{tick / _MILLI:.3g}" if in_ms else f"{tick:.3g}"
        chart.label(at, height - BOTTOM + 16, text, "middle")
    title = ("ms" if in_ms else "s") if timed else "sample"
    chart.label(430, height - 5, title, "end")
    chart.label(4, 11, unit or "", "start")
    for place, (name, x, values, colour) in enumerate(reversed(panels)):
        middle = 2 * place + 1.0
        chart.level(middle, GRID)
        chart.label(48, chart.y.at(middle + 0.86) + 4, f"{largest:.2g}", "end")
        chart.label(48, chart.y.at(middle) + 4, "0", "end")
        chart.label(48, chart.y.at(middle - 0.86) + 4, f"{-largest:.2g}", "end")
        chart.line(x, middle + 0.92 * values / largest, colour, 0.8)
        chart.label(60, chart.y.at(middle + 0.84) + 4, name, "start", colour)


def draw_lines(parent: Element, picture: LinePicture, name: str) -> None:
    """Draw a spectrum with the lines at which faults would show."""
    now = picture.now.values()
    frequency_hz = np.arange(len(now)) * picture.step_hz
    healthy = None if picture.healthy is None else picture.healthy.values()
    known = [now[1:], *([] if healthy is None else [healthy[1:]])]
    highest = max(float(curve.max(initial=1.0)) for curve in known) * 1.25
    chart = Chart(
        parent,
        f"Spectrum of the {picture.title}, channel {name}, with fault lines",
        across(0.0, float(frequency_hz[-1])),
        upright(0.0, highest),
    )
    chart.grid("Hz", "amplitude / median")
    for row, fault in enumerate(picture.faults):
        # All harmonics of all faults would hide the curves.
        for line in fault.lines if fault.candidate else fault.lines[:1]:
            colour = INK if fault.candidate else SOFT
            word = fault.name if line.harmonic == 1 else f"{line.harmonic}x {fault.name}"
            chart.mark(line.expected_hz, colour, word, row=row)
    if healthy is not None:
        chart.line(frequency_hz[1:], healthy[1:], HEALTHY, 1.2, "5 3")
    chart.line(frequency_hz[1:], now[1:], NOW, 1.4)


def draw_range(parent: Element, feature: FeatureEvidence) -> None:
    """Draw where a value lies beside its healthy range."""
    value, median = feature.value, feature.healthy_median
    low, high = feature.healthy_low, feature.healthy_high
    if value is None or median is None or low is None or high is None:
        return
    known = np.array([value, low, high])
    log = bool(known.min() > 0 and known.max() / known.min() > 10)  # noqa: PLR2004 - a decade
    shown = np.log10(known) if log else known
    room = 0.12 * float(np.ptp(shown)) or 1.0
    first, last = float(shown.min()) - room, float(shown.max()) + room

    def at(number: float) -> float:
        place = np.log10(number) if log else number
        return 4 + (_BAR_WIDTH - 8) * (float(place) - first) / (last - first)

    middle = _BAR_HEIGHT / 2
    alt = f"{feature.name}: healthy {low:.3g} to {high:.3g}, now {value:.3g}"
    svg = node(
        parent, "svg", viewBox=f"0 0 {_BAR_WIDTH} {_BAR_HEIGHT}", role="img", aria_label=alt,
        class_="range",
    )  # fmt: skip
    node(svg, "line", x1=2, x2=_BAR_WIDTH - 2, y1=middle, y2=middle, stroke=GRID, stroke_width=2)
    node(
        svg, "rect", x=f"{at(low):.1f}", width=f"{max(2.0, at(high) - at(low)):.1f}", y=middle - 5,
        height=10, rx=3, fill=SPREAD, stroke=HEALTHY,
    )  # fmt: skip
    node(
        svg, "line", x1=f"{at(median):.1f}", x2=f"{at(median):.1f}", y1=middle - 5, y2=middle + 5,
        stroke=HEALTHY, stroke_width=2,
    )  # fmt: skip
    node(svg, "circle", cx=f"{at(value):.1f}", cy=middle, r=5, fill=NOW)


def _course(wave: Waveform) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times (or numbers of samples) and values, float64 (n,) each."""
    values = wave.values.values()
    per_step = 1 if wave.kind == "samples" else 2
    return np.arange(len(values)) / per_step * (wave.step_s or 1.0), values


def _amplitude(db: float) -> float:
    return float(10 ** (db / 20))


def _amplitudes(db: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = 10 ** (db / 20)
    return found
