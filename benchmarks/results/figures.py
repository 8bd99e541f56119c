"""Pictures of the results: lead against false alarms, and VUS-PR by series."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.results.rows import Row
from benchmarks.results.tables import OURS, by_case, labelled_of, own_data, system_names

_WIDTH_IN, _HEIGHT_IN = 9.0, 3.4
_COLUMNS = 3
_MOST_ALARMS = 10
_COLOURS, _SHAPES = 10, "o^sv"


def draw(rows: Sequence[Row], folder: Path) -> list[tuple[str, str]]:
    """Write the pictures to ``folder`` and return (file name, caption) of each."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "results", "font.size": 8})
    usual = [row for row in rows if row.problem is None and not own_data(row)]
    drawn = []
    leads = [row for row in usual if row.kind == "run to failure"]
    if leads:
        _leads(leads, folder / "results-lead.svg")
        drawn.append(("results-lead.svg", "Lead against false alarms as the threshold moves"))
    labelled = [row for row in usual if row.verdicts["all"].labelled is not None]
    if labelled:
        _volumes(labelled, folder / "results-vus-pr.svg")
        drawn.append(("results-vus-pr.svg", "VUS-PR by series"))
    return drawn


def _leads(rows: Sequence[Row], path: Path) -> None:
    from matplotlib.figure import Figure

    cases = list(by_case(rows))
    lines = -(-len(cases) // _COLUMNS)
    figure = Figure((_WIDTH_IN, _HEIGHT_IN * lines / 1.3), layout="constrained")
    axes = figure.subplots(lines, _COLUMNS, squeeze=False)
    for axis, ((family, case), own) in zip(axes.flat, cases, strict=False):
        for name in system_names(own):
            best = _longest(next(row for row in own if row.system == name))
            axis.plot(
                sorted(best),
                [best[x] for x in sorted(best)],
                label=name,
                color="black" if name == OURS else None,
                linewidth=2.0 if name == OURS else 0.9,
                marker="o" if name == OURS else ".",
                markersize=4 if name == OURS else 3,
                zorder=3 if name == OURS else 2,
            )
        axis.set_title(f"{family} {case}")
        axis.set_xlim(-0.5, _MOST_ALARMS + 0.5)
        axis.set_xlabel("alarms in the healthy part")
        axis.set_ylabel("lead in hours")
    for axis in axes.flat[len(cases) :]:
        axis.set_axis_off()
    handles, names = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=6, frameon=False)
    figure.savefig(path, metadata={"Date": None})


def _longest(row: Row) -> dict[int, float]:
    """Return for each number of false alarms the longest lead of any threshold, in hours."""
    best: dict[int, float] = {}
    for point in row.verdicts["all"].curve:
        hours = point.lead_hours or 0.0
        if point.alarms_in_healthy <= _MOST_ALARMS:
            best[point.alarms_in_healthy] = max(best.get(point.alarms_in_healthy, 0.0), hours)
    return best


def _volumes(rows: Sequence[Row], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure((_WIDTH_IN, _HEIGHT_IN), layout="constrained")
    axis = figure.subplots()
    cases = [case for (_, case), _ in by_case(rows)]
    for position, name in enumerate(system_names(rows)):
        heights = [
            [labelled_of(r).vus_pr for r in rows if (r.system, r.case) == (name, case)]
            for case in cases
        ]
        axis.plot(
            [place for place, own in enumerate(heights) if own],
            [median(own) for own in heights if own],
            label=name,
            linestyle="none",
            # there are ten colours: the shape tells the systems of one colour apart
            marker="D" if name == OURS else _SHAPES[position // _COLOURS],
            color="black" if name == OURS else None,
            markersize=7 if name == OURS else 5,
            zorder=3 if name == OURS else 2,
        )
    axis.set_xticks(range(len(cases)), cases, rotation=20, ha="right")
    axis.set_ylabel("VUS-PR")
    axis.set_ylim(0.0, 1.0)
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.savefig(path, metadata={"Date": None})
