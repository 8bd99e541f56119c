"""Rows as tables of systems by cases, and what their cells say."""

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from benchmarks.results.rows import Row
from trainer.metrics import Labelled

OURS = "default"


def table(rows: Sequence[Row], cell: Callable[[list[Row]], str]) -> Iterator[str]:
    """Yield a table of systems by cases."""
    cases = list(dict.fromkeys((row.family, row.case) for row in rows))
    yield "| system | " + " | ".join(case for _, case in cases) + " |"
    yield "|---|" + "---|" * len(cases)
    for name in system_names(rows):
        cells = []
        for family, case in cases:
            own = [r for r in rows if (r.system, r.family, r.case) == (name, family, case)]
            cells.append(cell(own) if own else "-")
        yield f"| {name} | " + " | ".join(cells) + " |"
    yield ""


def system_names(rows: Sequence[Row]) -> list[str]:
    """Return the systems, ours first, then the other systems, then the baselines."""
    known = {row.system: row.baseline for row in rows}
    return sorted(known, key=lambda name: (name != OURS, known[name], name))


def by_case(rows: Sequence[Row]) -> Iterator[tuple[tuple[str, str], list[Row]]]:
    """Yield (family, case) and its rows, in order of appearance."""
    for key in dict.fromkeys((row.family, row.case) for row in rows):
        yield key, [row for row in rows if (row.family, row.case) == key]


def medians(rows: Sequence[Row], take: Callable[[Row], float | None]) -> dict[str, float]:
    """Return each system's median over its seeds of what ``take`` gives."""
    values: dict[str, list[float]] = {}
    for row in rows:
        value = take(row)
        if value is not None:
            values.setdefault(row.system, []).append(value)
    return {name: median(own) for name, own in values.items()}


def own_data(row: Row) -> bool:
    """Whether the case is there for one publication only."""
    return "," in row.case


def labelled_of(row: Row) -> Labelled:
    """Return the figures against labels of a row that has them.

    Raises:
        ValueError: it has none.
    """
    found = row.verdicts["all"].labelled
    if found is None:
        raise ValueError(f"{row.key} has no labels")
    return found


def span(values: Sequence[float | None], digits: int = 0) -> str:
    """Return the median, and the range where it is not a point; ``none`` where a seed has none."""
    known = sorted(v for v in values if v is not None)
    if not known:
        return "none"
    middle = median(known)
    text = f"{middle:.{digits}f}"
    if known[0] != known[-1]:
        text += f" [{known[0]:.{digits}f} to {known[-1]:.{digits}f}]"
    missing = len(values) - len(known)
    return f"{text}, none in {missing}" if missing else text
