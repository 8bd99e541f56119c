"""Where the threshold lies in the healthy scores, and what their tail lets expect."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.budget import BudgetSpec
from trainer.report.findings import Findings
from trainer.report.plots.canvas import (
    BLUE,
    FAINT,
    INK,
    ORANGE,
    RED,
    Height,
    Picture,
    picture,
    plain_axes,
    plain_log,
)
from trainer.report.plots.tail import draw_tail, tail_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOWEST = 1e-3  # of the threshold
_BINS = 40
_SCORES = (
    "How often each score occurred. The healthy windows set the threshold, so that few of them lie"
    " above it proves nothing."
)
_BUDGET = (
    "Beside it: the false alarms that other thresholds would mean, from a generalised Pareto tail"
    " of the healthy scores. Below the dashed line the healthy windows alone do not support a rate;"
    " it rests on the tail going on as it does."
)


def distribution_picture(findings: Findings) -> Picture | None:
    """Draw healthy scores beside the others, and the false alarms that other thresholds mean.

    None where no window was scored.
    """
    ratios = np.array(
        [np.nan if r.score is None else r.score / r.threshold for r in findings.results]
    )
    inside = findings.truth.in_health
    scored = np.isfinite(ratios)
    healthy, others = ratios[inside & scored], ratios[~inside & scored]
    if not len(healthy) + len(others):
        return None
    budget, threshold = findings.spec.budget, findings.spec.threshold
    panels: list[Callable[[Axes], None]] = [lambda axes: _draw_scores(axes, healthy, others)]
    if budget is not None:
        panels.append(lambda axes: _draw_budget(axes, budget))
    if threshold.tail is not None:
        panels.append(lambda axes: draw_tail(axes, threshold))

    def draw(figure: "Figure", narrow: bool) -> None:  # noqa: FBT001 - see picture
        shape = (len(panels), 1) if narrow else (1, len(panels))
        grid = figure.subplots(*shape, squeeze=False)
        for axes, panel in zip(grid.flatten().tolist(), panels, strict=True):
            panel(axes)

    return picture(
        draw,
        Height(2.8, 2.6 * len(panels)),
        alt=_alt(healthy, others, budget),
        caption=" ".join((*_caption(budget), *tail_words(threshold))),
    )


def _draw_scores(axes: "Axes", healthy: NDArray[np.float64], others: NDArray[np.float64]) -> None:
    plain_axes(axes)
    both = np.maximum(np.concatenate((healthy, others)), _LOWEST)
    edges = np.geomspace(both.min() * 0.98, max(both.max() * 1.02, 1.2), _BINS)
    if len(healthy):
        axes.hist(
            np.maximum(healthy, _LOWEST),
            bins=edges.tolist(),
            weights=_percent(healthy),
            color=BLUE,
            alpha=0.6,
            label="healthy part",
        )
    if len(others):
        axes.hist(
            np.maximum(others, _LOWEST),
            bins=edges.tolist(),
            weights=_percent(others),
            histtype="step",
            color=ORANGE,
            ls="--",
            label="the rest",
        )
    axes.axvline(1.0, color=INK, lw=1.2, label="threshold")
    plain_log(axes.xaxis)
    axes.set_xlabel("score / threshold")
    axes.set_ylabel("% of the windows")
    _legend(axes)


def _percent(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.full(len(values), 100.0 / len(values))


def _legend(axes: "Axes") -> None:
    corner = (0.0, 1.0)
    axes.legend(
        loc="lower left", bbox_to_anchor=corner, ncols=3, handlelength=1.2, columnspacing=1.0
    )


def _draw_budget(axes: "Axes", budget: BudgetSpec) -> None:
    plain_axes(axes)
    margins = [p.margin for p in budget.curve]
    axes.fill_between(
        margins,
        [max(p.low, 1e-6) for p in budget.curve],
        [p.high for p in budget.curve],
        color=BLUE,
        alpha=0.18,
        lw=0,
        label="90 %",
    )
    axes.plot(margins, [p.expected for p in budget.curve], color=BLUE, lw=1.2, label="expected")
    axes.axhline(budget.supported, color=FAINT, lw=1.0, ls="--", label="supported")
    if budget.asked is not None:
        axes.axhline(budget.asked, color=RED, lw=1.0, ls=":", label="asked for")
    axes.plot([budget.point.margin], [budget.point.expected], "o", color=INK, label="in force")
    plain_log(axes.yaxis)
    axes.set_xlabel("margin of the threshold; 1: the recipe's own")
    axes.set_ylabel("false alarms a month")
    lowest = min(p.expected for p in (*budget.curve, budget.point))
    axes.set_ylim(lowest / 5.0, 3.0 * max(p.high for p in budget.curve))
    _legend(axes)


def _alt(
    healthy: NDArray[np.float64], others: NDArray[np.float64], budget: BudgetSpec | None
) -> str:
    said = []
    for name, values in (("healthy part", healthy), ("rest", others)):
        if len(values):
            said.append(
                f"in the {name} {len(values)} windows were scored, half of them below"
                f" {np.median(values):.2g} of the threshold, at most {values.max():.3g} times it"
            )
    text = f"Distribution of score over threshold: {'; '.join(said)}."
    if budget is None:
        return text
    return (
        f"{text} Expected false alarms a month fall from {budget.curve[0].expected:.3g} to"
        f" {budget.curve[-1].expected:.3g} as the threshold rises from {budget.curve[0].margin:.2f}"
        f" to {budget.curve[-1].margin:.2f} of the recipe's distance."
    )


def _caption(budget: BudgetSpec | None) -> list[str]:
    said = [_SCORES]
    if budget is not None:
        said.append(_BUDGET)
    return said
