"""The picture of what was received: scores, thresholds and alarms over time."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from demo.journal import Journal
from demo.summary import outcome
from demo.times import scale, span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _NETWORK, _LEVEL, _ALARM, _STOPPED = "#1c2733", "#1769aa", "#b8860b", "#c62828", "#607d8b"
_GRID = "#dfe5ea"
_CHANNELS = ("#1769aa", "#2e7d32", "#6a1b9a", "#00838f")
_TICKS = (-0.5, 0, 0.5, 1, 2, 5, 10, 20, 50, 100)
_LOWEST = -0.5  # of score / threshold


def draw(journal: Journal, path: Path) -> None:
    """Write the picture as PNG."""
    from matplotlib.figure import Figure

    story = journal.story
    figure = Figure(figsize=(11, 6.2), dpi=120, layout="constrained")
    figure.suptitle(story.title, x=0.01, ha="left", color=_INK, fontweight="bold")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.4))
    unit, name = scale(story.end, story.period_s)
    windows = np.array(sorted(journal.scores), dtype=np.int64)
    _scores(top, journal, windows, unit)
    _levels(bottom, journal, unit)
    for axes in (top, bottom):
        _shade(axes, journal, windows, unit)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, color=_GRID, lw=0.6)
        axes.set_axisbelow(True)
    _name_marks(top, journal, unit)
    bottom.set_xlabel(name)
    bottom.set_xlim(story.first * unit, story.end * unit)
    figure.savefig(path, metadata={"Software": None})


def _scores(axes: "Axes", journal: Journal, windows: NDArray[np.int64], unit: float) -> None:
    scores = [journal.scores[int(window)] for window in windows]
    network = [np.nan if s.score is None else s.score / s.threshold for s in scores]
    level = [
        np.nan
        if s.level_score is None or not s.level_threshold
        else s.level_score / s.level_threshold
        for s in scores
    ]
    for ratio, colour, label in ((network, _NETWORK, "network"), (level, _LEVEL, "level")):
        if np.isfinite(ratio).any():
            axes.plot(windows * unit, ratio, color=colour, lw=1.2, label=label)
    axes.axhline(1.0, color=_INK, lw=1.0, ls="--", label="threshold")
    # Linear up to the threshold, as a level below the healthy one is negative; then logarithmic.
    axes.set_yscale("symlog", linthresh=1.0, linscale=1.0)
    axes.set_yticks(_TICKS)
    axes.minorticks_off()
    axes.set_ylabel("score / threshold")
    axes.yaxis.set_major_formatter("{x:g}")
    highest = np.nanmax([*network, *level, 1.0])
    axes.set_ylim(_LOWEST, 2.5 * highest)  # with room for the names of the marks


def _levels(axes: "Axes", journal: Journal, unit: float) -> None:
    windows = np.array(sorted(journal.levels), dtype=np.int64)
    names = list(journal.levels[int(windows[0])]) if len(windows) else []
    for number, name in enumerate(names):
        rms = [journal.levels[int(window)].get(name, np.nan) for window in windows]
        colour = _CHANNELS[number % len(_CHANNELS)]
        axes.plot(windows * unit, rms, color=colour, lw=0.9, label=name)
    unit_name = next((score.unit for score in journal.scores.values()), None)
    axes.set_ylabel("rms" if unit_name is None else f"rms in {unit_name}")
    axes.set_ylim(bottom=0)
    if len(names) > 1:
        axes.legend(loc="upper left", ncols=len(names), fontsize=9, frameon=False)


def _shade(axes: "Axes", journal: Journal, windows: NDArray[np.int64], unit: float) -> None:
    """Shade the windows with an open alarm, and those in which the machine stood still."""
    scores = [journal.scores[int(window)] for window in windows]
    for chosen, colour, label in (
        ([s.anomaly for s in scores], _ALARM, "alarm is open"),
        ([s.reason == "idle" for s in scores], _STOPPED, "machine stopped, not scored"),
    ):
        edges = np.flatnonzero(np.diff(np.array([False, *chosen, False], dtype=np.int8)))
        for number, (begin, end) in enumerate(edges.reshape(-1, 2)):
            axes.axvspan(
                windows[begin] * unit,
                (windows[end - 1] + 1) * unit,
                color=colour,
                alpha=0.14,
                lw=0,
                label=None if number else label,
            )
    if journal.story.onset is not None:
        axes.axvline(journal.story.onset * unit, color=_INK, lw=1.1, ls=":")


def _name_marks(axes: "Axes", journal: Journal, unit: float) -> None:
    """Name the colours above the axes, the onset and the alarm beside their edges."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=5, fontsize=9, frameon=False, borderpad=0
    )
    story, found = journal.story, outcome(journal).found
    marks = [] if story.onset is None else [(story.onset, "damage begins")]
    if found is not None:
        after = "" if story.onset is None else span(found.window - story.onset, story.period_s)
        marks.append((found.window, f"{after} later: alarm" if after else "alarm"))
    for row, (window, text) in enumerate(marks):
        axes.annotate(
            text,
            (window * unit, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(4, -4 - 14 * row),
            textcoords="offset points",
            va="top",
            fontsize=9,
            color=_INK,
        )
