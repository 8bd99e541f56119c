"""The report as a table for people."""

from benchmarks.figure import Figure, Report

_HEAD = ("figure", "measured", "unit", "10..90 %", "beside", "its", "ratio", "wanted", "")
_WORDS = {None: "", True: "met", False: "MISSED"}


def table(report: Report) -> str:
    """Return the report as lines of text, environment by environment."""
    lines = []
    for environment in dict.fromkeys(figure.environment for figure in report.figures):
        rows: list[tuple[str, ...]] = [_HEAD]
        for found in report.figures:
            if found.environment == environment:
                rows += _rows(found)
        lines += [environment, *aligned(rows), ""]
    lines += [f"not run: {missing.name}: {missing.reason}" for missing in report.not_run]
    machine = report.machine
    lines.append(
        f"{machine.processor}, {machine.cores} cores, {machine.system}, Python {machine.python},"
        f" load {machine.load_before} before, {machine.load_after} after"
    )
    return "\n".join(lines)


def _rows(found: Figure) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    first = (
        found.name,
        _number(found.value),
        found.unit,
        f"{_number(found.low)} .. {_number(found.high)}" if found.runs > 1 else "",
    )
    wanted = ""
    if (goal := found.goal) is not None:
        sign = "<=" if goal.kind == "at_most" else ">= x"
        aim = "" if goal.aim is None else f" (aim {goal.aim:g})"
        wanted = f"{sign} {goal.wanted:g}{aim}"
    judged = (wanted, _WORDS[found.met] + (", aim met" if found.aim_met else ""))
    for reference in found.references:
        beside = (reference.what, _number(reference.value), f"x {reference.ratio:.3g}")
        rows.append((*first, *beside, *judged))
        first, judged = ("", "", "", ""), ("", "")
    return rows


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"  # noqa: PLR2004


def aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Return rows of as many cells each as lines, the columns below each other."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
