"""The year of the plant on one page: a line for each machine, and what was told of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.plant.life import PER_DAY
from benchmarks.plant.trouble import Troubles
from benchmarks.plant.watch import Watched

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _ALERT, _ALARM = "#1c2733", "#e0a100", "#c62828"
_FAULT, _SENSOR, _WORK, _OUTSIDE = "#f6cfcf", "#b9d7ee", "#cfd8dc", "#e8e0f5"
_MONTH_DAYS = 30.4
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def draw(
    watched: Sequence[Watched], troubles: Troubles, hours: int, healthy_h: int, path: Path
) -> None:
    """Write the picture as PNG."""
    from matplotlib.figure import Figure

    days = hours / PER_DAY
    rows = {one.machine: row for row, one in enumerate(watched)}
    figure = Figure(figsize=(13, 2.2 + 0.17 * len(rows)), dpi=110, layout="constrained")
    axes = figure.subplots()
    figure.suptitle(
        f"A plant of {len(rows)} machines: what happened, and what the agent told",
        x=0.01,
        ha="left",
        color=_INK,
        fontweight="bold",
    )
    _shade(axes, troubles, rows)
    axes.axvspan(0, healthy_h / PER_DAY, color="#eef2f5", lw=0, label="commissioning")
    for one in watched:
        row = rows[one.machine]
        for episode in one.episodes:
            begin = episode.opened_h / PER_DAY
            end = (hours if episode.closed_h is None else episode.closed_h) / PER_DAY
            axes.hlines(row, begin, max(end, begin + 0.5), color=_ALERT, lw=3)
            if episode.alarm_h is not None:
                axes.hlines(row, episode.alarm_h / PER_DAY, end, color=_ALARM, lw=3)
    axes.hlines([], 0, 0, color=_ALERT, lw=3, label="alert")
    axes.hlines([], 0, 0, color=_ALARM, lw=3, label="alarm")
    axes.set_xlim(0, days)
    axes.set_ylim(len(rows) - 0.3, -0.7)
    axes.set_yticks(list(rows.values()), [str(machine) for machine in rows], fontsize=6)
    axes.set_ylabel("machine")
    axes.set_xticks(
        [30.4 * m for m in range(12) if 30.4 * m < days], _MONTHS[: int(days / 30.4) + 1]
    )
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower left", ncols=7, fontsize=9, frameon=False)
    figure.savefig(path, metadata={"Software": None})


def _shade(axes: "Axes", troubles: Troubles, rows: dict[int, int]) -> None:
    def box(machine: int, first: float, last: float, colour: str, label: str | None) -> None:
        if machine in rows:
            axes.broken_barh(
                [(first, last - first)], (rows[machine] - 0.5, 1.0), color=colour, lw=0, label=label
            )

    for i, fault in enumerate(troubles.faults):
        label = "fault grows" if i == 0 else None
        box(fault.machine, fault.onset_day, fault.failure_day, _FAULT, label)
        if fault.machine in rows:
            axes.text(
                fault.failure_day + 1, rows[fault.machine], fault.kind, va="center", fontsize=7
            )
    for i, sensor in enumerate(troubles.sensors):
        label = "sensor broken" if i == 0 else None
        box(sensor.machine, sensor.from_day, sensor.to_day, _SENSOR, label)
        if sensor.machine in rows:
            axes.text(sensor.to_day + 1, rows[sensor.machine], sensor.kind, va="center", fontsize=7)
    for i, work in enumerate(troubles.maintenance):
        box(work.machine, work.day, work.day + 2, _WORK, "planned work" if i == 0 else None)
    outside = troubles.disturbance
    axes.axvspan(
        outside.from_hour / PER_DAY,
        outside.to_hour / PER_DAY + 0.5,
        color=_OUTSIDE,
        lw=0,
        label="disturbance of the plant",
        zorder=0,
    )
