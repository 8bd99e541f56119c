"""What pictures over the windows of a recording share: their axis, and spans that are marked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.series import Series
from trainer.metrics import runs
from trainer.report.findings import Findings
from trainer.report.moments import is_dated, moment
from trainer.report.plots.canvas import GREEN, PURPLE, RED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST_SHARE = 0.004  # of the axis: a shorter mark would not be seen
Span = tuple[int, int]


def name_windows(axes: "Axes", series: Series, *, ticks: int) -> None:
    """Label the axis with windows, and below with their times where they have any."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    last = len(series.start_ns) - 1

    def label(value: float, _position: int | None) -> str:
        window = round(value)
        if not 0 <= window <= last:
            return ""
        when = moment(series, window)
        lines = when.split() if is_dated(series) else [when]
        return "\n".join(filter(None, (f"{window}", *lines)))

    axes.set_xlim(0, max(last, 1))
    axes.xaxis.set_major_locator(MaxNLocator(ticks, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(label))


def alarm_spans(findings: Findings) -> list[Span]:
    """Return the windows of each alarm of what ships."""
    end = len(findings.results)
    return [
        (a.opened, end if a.closed is None else a.closed)
        for a in findings.evaluation.verdicts["all"].alarms
    ]


def label_spans(findings: Findings) -> list[Span]:
    """Return the windows of each labelled anomaly."""
    labels = findings.truth.labels
    return [] if labels is None else spans_of(labels)


def spans_of(flags: NDArray[np.bool_]) -> list[Span]:
    """Return the windows of each run of True."""
    return [(int(a), int(b)) for a, b in runs(flags)]


def draw_lanes(axes: "Axes", findings: Findings, *, narrow: bool) -> None:
    """Draw one lane each for alarms, labels and the healthy part, where there are any."""
    truth, n = findings.truth, len(findings.results)
    lanes: list[tuple[str, Sequence[Span], str, str]] = [("alarm", alarm_spans(findings), RED, "")]
    if truth.labels is not None:
        lanes.append(("labelled", label_spans(findings), PURPLE, "////"))
    if truth.healthy is not None:
        lanes.append(("healthy", spans_of(truth.in_health), GREEN, "...."))
    for row, (_, spans, colour, hatch) in enumerate(lanes):
        bars = [(a, max(b - a, _LEAST_SHARE * n)) for a, b in spans]
        edge = "white" if hatch else colour  # of which hatches are drawn
        axes.broken_barh(bars, (row - 0.36, 0.72), facecolor=colour, hatch=hatch, edgecolor=edge)
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    axes.set_yticks(range(len(lanes)), [name for name, *_ in lanes])
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    name_windows(axes, findings.series, ticks=4 if narrow else 9)


def lane_count(findings: Findings) -> int:
    """Return how many lanes ``draw_lanes`` draws."""
    return 1 + (findings.truth.labels is not None) + (findings.truth.healthy is not None)
