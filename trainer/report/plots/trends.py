"""The features that made the alarms, as they were measured."""

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainer.report.findings import Findings
from trainer.report.plots.canvas import BLUE, GREEN, RED, Height, Picture, picture, plain_axes
from trainer.report.plots.windows import alarm_spans, name_windows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN = 6
_AT_REST = ("idle", "invalid")  # tells nothing about how the running machine varies
_HIGHEST = 20  # windows that stand for the highest scores where no alarm opened
_SIGMAS = 3.0
_WIDE_RANGE = 30.0  # from here on a linear axis shows the largest values alone


def responsible(findings: Findings) -> dict[str, float]:
    """Return the features by their share of what alarms, or else the highest scores, are made of.

    Of an alarm the shares are those at its opening; every alarm counts alike. Shares are of 1,
    the largest first.
    """
    total: defaultdict[str, float] = defaultdict(float)
    alarms = [a for a in findings.evaluation.verdicts["all"].alarms if a.features]
    for alarm in alarms:
        for name, share in alarm.features:
            total[name] += share / len(alarms)
    if not alarms:
        scored = [r for r in findings.results if r.score is not None and r.shares is not None]
        highest = sorted(scored, key=lambda r: -(r.score or 0.0))[:_HIGHEST]
        for result in highest:
            shares = () if result.shares is None else result.shares.tolist()
            # context comes last among the names and has no share
            for name, share in zip(findings.series.names, shares, strict=False):
                total[name] += share / len(highest)
    return dict(sorted(total.items(), key=lambda item: -item[1])[:_SHOWN])


def trends_picture(findings: Findings) -> Picture | None:
    """Draw the features most responsible first; None where none can be named."""
    shares = responsible(findings)
    if not shares:
        return None
    values = {n: findings.series.vectors[:, findings.series.names.index(n)] for n in shares}
    usual = {name: _usual(findings, column) for name, column in values.items()}

    def draw(figure: "Figure", narrow: bool) -> None:  # noqa: FBT001 - see picture
        columns = 1 if narrow or len(shares) == 1 else 2
        grid = figure.subplots(-(-len(shares) // columns), columns, sharex=True, squeeze=False)
        panels = grid.flatten().tolist()
        for axes, (name, share) in zip(panels, shares.items(), strict=False):
            _draw_one(axes, findings, values[name], usual[name])
            axes.set_title(f"{name}: {share:.0%}", loc="left", fontweight="bold")
        for axes in panels[len(shares) :]:
            axes.set_visible(False)
        for axes in panels[: len(shares)][-columns:]:
            name_windows(axes, findings.series, ticks=4 if narrow else 5)
            axes.tick_params(labelbottom=True)

    rows = -(-len(shares) // 2) if len(shares) > 1 else 1
    heights = Height(0.6 + 1.35 * rows, 0.6 + 1.3 * len(shares))
    listed = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    alt = f"Features over the windows, most responsible first: {listed}."
    return picture(draw, heights, alt=alt, caption=_caption(findings))


def _caption(findings: Findings) -> str:
    alarms = findings.evaluation.verdicts["all"].alarms
    of = "the alarms as they opened" if alarms else "the highest scores, as no alarm opened"
    said = f"Each feature as measured; the figure is its share of {of}."
    if findings.truth.healthy is not None:
        said += " The green band is the healthy median and three standard deviations either way."
    return said + (" Red: an alarm was open." if alarms else "")


def _usual(findings: Findings, column: NDArray[np.float32]) -> tuple[float, float] | None:
    inside = np.flatnonzero(findings.truth.in_health)
    running = [i for i in inside if findings.results[i].reason not in _AT_REST]
    healthy = column[running]
    healthy = healthy[np.isfinite(healthy)]
    if not len(healthy):
        return None
    centre, spread = float(np.median(healthy)), _SIGMAS * float(np.std(healthy))
    return centre - spread, centre + spread


def _draw_one(
    axes: "Axes",
    findings: Findings,
    column: NDArray[np.float32],
    usual: tuple[float, float] | None,
) -> None:
    plain_axes(axes)
    for a, b in alarm_spans(findings):
        axes.axvspan(a, max(b, a + 1), color=RED, alpha=0.10, lw=0)
    if usual is not None:
        axes.axhspan(*usual, color=GREEN, alpha=0.18, lw=0)
    axes.plot(column, color=BLUE, lw=0.7)
    finite = column[np.isfinite(column)]
    if len(finite) and finite.min() > 0.0 and finite.max() > _WIDE_RANGE * np.median(finite):
        axes.set_yscale("log")
    axes.margins(y=0.08)
    if axes.get_yscale() == "linear":
        axes.locator_params(axis="y", nbins=4)
