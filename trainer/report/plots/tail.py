"""The generalised Pareto tail of a threshold, beside the peaks that it was fitted to."""

from typing import TYPE_CHECKING

import numpy as np

from edge_agent.pipeline.threshold import ThresholdSpec
from trainer.report.plots.canvas import BLUE, INK, ORANGE, plain_axes, plain_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STRAIGHT = 1e-9  # a smaller shape is that of the exponential distribution


def draw_tail(axes: "Axes", threshold: ThresholdSpec) -> None:
    """Draw the share of the healthy peaks above each score, counted and as fitted."""
    tail = threshold.tail
    if tail is None:
        return
    plain_axes(axes)
    peaks = np.sort(np.array(tail.peaks))
    above = 1.0 - (np.arange(len(peaks)) + 0.5) / len(peaks)
    scores = np.linspace(tail.level, max(threshold.value, peaks[-1]) * 1.05, 200)
    excess = (scores - tail.level) / tail.scale
    if abs(tail.shape) < _STRAIGHT:
        fitted = np.exp(-excess)
    else:
        fitted = np.maximum(1.0 + tail.shape * excess, 0.0) ** (-1.0 / tail.shape)
    drawn = fitted > 0.0  # a bounded tail ends
    axes.plot(peaks / threshold.value, above, "o", color=ORANGE, ms=3.5, label="healthy peaks")
    axes.plot(scores[drawn] / threshold.value, fitted[drawn], color=BLUE, lw=1.2, label="fit")
    axes.axvline(1.0, color=INK, lw=1.2, label="threshold")
    plain_log(axes.yaxis)
    axes.set_ylim(bottom=min(above[-1], max(float(fitted[drawn].min()), 1e-6)) / 2.0)
    axes.set_xlabel("score / threshold")
    axes.set_ylabel("share of the peaks above")
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, handlelength=1.2)


def tail_words(threshold: ThresholdSpec) -> list[str]:
    """Say what the tail is like, and how well it fits; nothing where there is none."""
    tail = threshold.tail
    if tail is None:
        return []
    said = (
        f"The threshold comes from a generalised Pareto tail above {tail.level:.4g}: shape"
        f" {tail.shape:.3g}, scale {tail.scale:.3g}, {len(tail.peaks)} peaks in {tail.windows}"
        f" scores; p of the fit at least {tail.p_below:.2g}."
    )
    return [said]
