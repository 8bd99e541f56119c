"""The report's pictures, as PNG in base64 so that the page is one file."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.series import Series
from edge_agent.pipeline.result import WindowResult
from trainer.evaluate import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _SCORE, _LEVEL, _ALARM, _HEALTHY = "#1c2733", "#1769aa", "#8a6d00", "#c62828", "#2e7d32"
_WIDTH_IN = 9.0
_TRENDS = 6
_AT_REST = ("idle", "invalid")  # tells nothing about how the running machine varies


def score_plot(results: Sequence[WindowResult], evaluation: Evaluation) -> str:
    """Draw score / threshold of both detectors over the windows, with alarms and healthy part."""
    figure, axes = _figure(3.4)
    index = np.arange(len(results))
    network = _column([None if r.score is None else r.score / r.threshold for r in results])
    level = _column(
        [
            None
            if r.level_score is None or r.level_threshold is None
            else max(r.level_score / r.level_threshold, 1e-2)
            for r in results
        ]
    )
    axes.plot(index, network, color=_SCORE, lw=0.9, label="network")
    if np.isfinite(level).any():
        axes.plot(index, level, color=_LEVEL, lw=0.9, label="level")
    axes.axhline(1.0, color=_INK, lw=0.8, ls="--", label="threshold")
    axes.axvspan(*_healthy(evaluation), color=_HEALTHY, alpha=0.10, lw=0, label="healthy part")
    for k, alarm in enumerate(evaluation.verdicts["all"].alarms):
        end = len(results) if alarm.closed is None else alarm.closed
        axes.axvspan(
            alarm.opened,
            max(end, alarm.opened + 1),
            color=_ALARM,
            alpha=0.15,
            lw=0,
            label="alarm" if k == 0 else None,
        )
    axes.set_yscale("log")
    axes.set_xlabel("window")
    axes.set_ylabel("score / threshold")
    axes.legend(loc="upper left", ncols=5, frameon=False, fontsize=8)
    return _encode(figure)


def trend_plot(series: Series, results: Sequence[WindowResult], evaluation: Evaluation) -> str:
    """Draw the features that opened the alarms, or the first ones, each over its own median."""
    named = [n for a in evaluation.verdicts["all"].alarms for n, _ in a.features]
    chosen = list(dict.fromkeys([*named, *series.names]))[:_TRENDS]
    running = [i for i in range(*_healthy(evaluation)) if results[i].reason not in _AT_REST]
    figure, axes = _figure(3.4)
    for name in chosen:
        values = series.vectors[:, series.names.index(name)]
        healthy = values[running]
        centre, scale = np.median(healthy), max(float(np.std(healthy)), 1e-12)
        axes.plot((values - centre) / scale, lw=0.7, label=name)
    axes.set_yscale("symlog", linthresh=5)
    axes.axvspan(*_healthy(evaluation), color=_HEALTHY, alpha=0.10, lw=0)
    axes.set_xlabel("window")
    axes.set_ylabel("healthy standard deviations")
    axes.legend(loc="upper left", ncols=3, frameon=False, fontsize=8)
    return _encode(figure)


def distribution_plot(results: Sequence[WindowResult], evaluation: Evaluation) -> str:
    """Draw the distribution of healthy scores with the threshold in it."""
    part = results[slice(*_healthy(evaluation))]
    scores = np.array([r.score for r in part if r.score is not None])
    figure, axes = _figure(2.6)
    axes.hist(scores, bins=min(60, max(8, len(scores) // 8)), color=_SCORE, alpha=0.8)
    axes.axvline(results[0].threshold, color=_ALARM, lw=1.2, label="threshold")
    axes.set_xlabel("score in the healthy part")
    axes.set_ylabel("windows")
    axes.legend(frameon=False, fontsize=8)
    return _encode(figure)


def training_plot(loss: Sequence[float], val_loss: Sequence[float]) -> str:
    """Draw the loss of each epoch."""
    figure, axes = _figure(2.6)
    # a marker, because one epoch makes no line
    axes.plot(np.arange(1, len(loss) + 1), loss, ".-", color=_SCORE, label="training")
    if val_loss:
        axes.plot(np.arange(1, len(val_loss) + 1), val_loss, ".-", color=_LEVEL, label="validation")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.set_yscale("log")
    axes.legend(frameon=False, fontsize=8)
    return _encode(figure)


def _figure(height_in: float) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH_IN, height_in), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#dfe5ea", lw=0.6)
    return figure, axes


def _encode(figure: "Figure") -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _healthy(evaluation: Evaluation) -> tuple[int, int]:
    """Return the healthy part, an empty one where there is none."""
    return evaluation.healthy or (0, 0)


def _column(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
