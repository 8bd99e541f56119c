"""SVG by hand: axes, lines and areas, readable on a telephone as on a screen."""

import math
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement

import numpy as np
from numpy.typing import NDArray

from edge_agent.daemon.explain.words import number

WIDTH, HEIGHT = 440, 250  # of a chart; a telephone shows it at four fifths of that
LEFT, RIGHT, TOP, BOTTOM = 54, 10, 14, 40
# Okabe and Ito 2008: told apart by everybody; no line is told by its colour alone.
NOW, HEALTHY, SPREAD, INK, SOFT, GRID = (
    *("#d55e00", "#0072b2", "#cfe3f1"),
    *("#1c2733", "#52616f", "#dfe5ea"),
)


def node(parent: Element, tag: str, text: str = "", **attributes: object) -> Element:
    """Add an element; ``_`` in the names of attributes stands for ``-``, at their end for none."""
    named = {key.rstrip("_").replace("_", "-"): str(value) for key, value in attributes.items()}
    child = SubElement(parent, tag, named)
    child.text = text or None
    return child


class Axis:
    """From values to places on the picture."""

    def __init__(self, low: float, high: float, start: float, end: float, *, log: bool) -> None:
        """Put ``low`` at ``start`` and ``high`` at ``end``; ``log``: by their logarithms."""
        self.low, self.high = low, high
        self._log = log
        first, last = (math.log10(low), math.log10(high)) if log else (low, high)
        self._first, self._scale = first, (end - start) / ((last - first) or 1.0)
        self._start = start

    def place(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where ``values`` are, float64 of the same shape."""
        inner = np.clip(values, self.low, self.high)
        shown = np.log10(inner) if self._log else inner
        placed: NDArray[np.float64] = self._start + (shown - self._first) * self._scale
        return placed

    def at(self, value: float) -> float:
        """Return where one value is."""
        return float(self.place(np.array([value]))[0])

    def ticks(self, about: int) -> list[float]:
        """Return round values that are to be labelled."""
        if self._log:
            decades = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            return [10.0**decade for decade in decades]
        step = _round_step((self.high - self.low) / max(1, about))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [k * step for k in range(first, last + 1)]


def _round_step(step: float) -> float:
    size = 10.0 ** math.floor(math.log10(step)) if step > 0 else 1.0
    return next((m * size for m in (1.0, 2.0, 5.0, 10.0) if m * size >= step), 10.0 * size)


class Chart:
    """One picture with two axes."""

    def __init__(self, parent: Element, alt: str, x: Axis, y: Axis, height: int = HEIGHT) -> None:
        """Add an empty chart to ``parent``; ``alt`` says what is to be seen."""
        self.x, self.y = x, y
        self._height = height
        self.svg = node(parent, "svg", viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=alt)

    def grid(self, x_title: str, y_title: str) -> None:
        """Draw lines and labels."""
        bottom, right = self._height - BOTTOM, WIDTH - RIGHT
        for tick in self.y.ticks(4):
            at = self.y.at(tick)
            self._line((LEFT, at), (right, at), GRID)
            self.label(LEFT - 6, at + 4, number(tick), "end")
        for tick in self.x.ticks(5):
            at = self.x.at(tick)
            self._line((at, TOP), (at, bottom), GRID)
            self.label(at, bottom + 16, _short(tick), "middle")
        self._line((LEFT, bottom), (right, bottom), SOFT)
        self.label(right, self._height - 5, x_title, "end")
        self.label(4, TOP - 3, y_title, "start")

    def label(self, x: float, y: float, text: str, anchor: str, fill: str = SOFT) -> None:
        """Write ``text``; ``anchor``: start, middle or end is at ``x``."""
        node(
            self.svg, "text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, fill=fill,
        )  # fmt: skip

    def line(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        colour: str,
        width: float,
        dash: str = "",
    ) -> None:
        """Draw a line through points, float64 (n,) each."""
        path = node(
            self.svg, "polyline", points=_points(self.x.place(x), self.y.place(y)), fill="none",
            stroke=colour, stroke_width=width, stroke_linejoin="round",
        )  # fmt: skip
        if dash:
            path.set("stroke-dasharray", dash)

    def area(
        self, x: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], fill: str
    ) -> None:
        """Fill between two curves, float64 (n,) each."""
        along = np.concatenate((x, x[::-1]))
        across = np.concatenate((high, low[::-1]))
        points = _points(self.x.place(along), self.y.place(across))
        node(self.svg, "polygon", points=points, fill=fill)

    def mark(self, x: float, colour: str, text: str, *, row: int = 0) -> None:
        """Draw an upright line at ``x`` with a word on top, in one of several rows."""
        at = self.x.at(x)
        self._line((at, TOP + 2 + 13 * row), (at, self._height - BOTTOM), colour, dash="3 3")
        anchor = "end" if at > WIDTH - 125 else "start"
        self.label(at + (-3 if anchor == "end" else 3), TOP + 11 + 13 * row, text, anchor, colour)

    def level(self, y: float, colour: str) -> None:
        """Draw a line across at ``y``."""
        self._line((LEFT, self.y.at(y)), (WIDTH - RIGHT, self.y.at(y)), colour)

    def _line(
        self, start: tuple[float, float], end: tuple[float, float], colour: str, dash: str = ""
    ) -> None:
        line = node(
            self.svg, "line", x1=f"{start[0]:.1f}", y1=f"{start[1]:.1f}",
            x2=f"{end[0]:.1f}", y2=f"{end[1]:.1f}", stroke=colour,
        )  # fmt: skip
        if dash:
            line.set("stroke-dasharray", dash)


def upright(low: float, high: float, height: int = HEIGHT, *, log: bool = False) -> Axis:
    """Return the y axis of a chart."""
    return Axis(low, high, height - BOTTOM, TOP, log=log)


def across(low: float, high: float, *, log: bool = False) -> Axis:
    """Return the x axis of a chart."""
    return Axis(low, high, LEFT, WIDTH - RIGHT, log=log)


def _short(value: float) -> str:
    """Return a label of an axis: 10000 takes too much room."""
    return f"{number(value / 1000)}k" if value >= 1000 else number(value)  # noqa: PLR2004


def _points(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    pairs: Iterable[Sequence[float]] = zip(x.tolist(), y.tolist(), strict=True)
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in pairs)
