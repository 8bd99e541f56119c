"""The sections of the page of results, each made from rows alone."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from benchmarks.results.published import PUBLISHED
from benchmarks.results.rows import Row
from benchmarks.results.tables import (
    OURS,
    by_case,
    labelled_of,
    own_data,
    span,
    system_names,
    table,
)
from trainer.metrics import Labelled

_ADJUSTED = """
Point-adjusted F1 is shown because it was published. It takes the best threshold of all and counts
an event as found in full when one row of it is: a random score gets what is said below the table.
"""


_FIGURES: dict[str, Callable[[Labelled], float]] = {
    "VUS-PR on labelled series": lambda found: found.vus_pr,
    "Event F1 at the detector's own threshold": lambda found: found.event.f1,
    "What a label-tuned threshold would add to it (oracle gap)": lambda found: found.oracle_gap,
}


def failures(rows: Sequence[Row]) -> Iterator[str]:
    """Yield first alarms on recordings that end with a failure."""
    yield "## Runs to failure\n"
    yield "First alarm after the healthy part, with the alarms inside of it, and where the"
    yield "literature gives a first prediction time (FPT) the delay to that; negative is earlier.\n"
    chosen = [row for row in rows if row.kind == "run to failure" and not own_data(row)]
    yield from table(
        chosen,
        lambda own: " ".join(
            filter(
                None,
                (
                    span([row.verdicts["all"].first_alarm for row in own]),
                    f"({span([row.verdicts['all'].alarms_in_healthy for row in own])} in healthy)",
                    _delay(own),
                ),
            )
        ),
    )
    parts = [row for row in chosen if row.system == OURS and len(row.verdicts) > 1]
    if parts:
        yield "The same of `default`, its two detectors apart: the network and the level.\n"
        yield "| case | network alone | level alone |\n|---|---|---|"
        for (family, case), own in by_case(parts):
            alone = [span([r.verdicts[p].first_alarm for r in own]) for p in ("network", "level")]
            yield f"| {family} {case} | {alone[0]} | {alone[1]} |"
        yield ""


def labelled(rows: Sequence[Row], random_f1: dict[str, float]) -> Iterator[str]:
    """Yield what agrees with labels; ``random_f1`` is the random score's, by case."""
    chosen = [row for row in rows if row.verdicts["all"].labelled and not own_data(row)]
    for title, take in _FIGURES.items():
        yield f"## {title}\n"
        yield from table(chosen, partial(_cell, take))
    nab = [row for row in chosen if labelled_of(row).nab is not None and row.family == "NAB"]
    yield "## NAB score, standard profile\n"
    yield "100 is perfect; by opened alarms, by rows over the threshold, and by rows over the best"
    yield "threshold of all (oracle).\n"
    yield "| system | alarms | rows | best rows |\n|---|---|---|---|"
    for name in system_names(nab):
        own = [labelled_of(row) for row in nab if row.system == name]
        values = [[f.nab for f in own], [f.nab_rows for f in own], [f.best_nab_rows for f in own]]
        yield f"| {name} | " + " | ".join(span(v, 1) for v in values) + " |"
    yield ""
    yield "## Point-adjusted F1, for reproduction only"
    yield _ADJUSTED
    adjusted = [row for row in chosen if row.family == "SMD"]
    yield from table(adjusted, lambda own: span([labelled_of(r).point_adjusted_f1 for r in own], 3))
    told = ", ".join(f"{case} {value:.3f}" for case, value in random_f1.items())
    yield f"A random score: {told}.\n"


def seeded(rows: Sequence[Row]) -> Iterator[str]:
    """Yield records of faults beside the record of a healthy machine."""
    chosen = [row for row in rows if row.kind == "seeded fault"]
    if chosen:
        yield "## Seeded faults\n"
        yield "Window of the first alarm, and alarms on the normal record.\n"
        yield from table(
            chosen,
            lambda own: (
                f"{span([r.verdicts['all'].first_alarm for r in own])}"
                f" ({span([r.verdicts['all'].alarms_in_healthy for r in own])} on normal)"
            ),
        )


def published(rows: Sequence[Row]) -> Iterator[str]:
    """Yield each published system with what was published of it."""
    yield "## Published systems beside what was published of them\n"
    yield "| recipe | published | data here | came out | seconds | why they differ |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        known = PUBLISHED.get(row.system)
        if known is not None and row.family == known.family and row.case.startswith(known.case):
            came = known.ours(row.verdicts["all"])
            data = f"{row.family}, {row.case}"
            cells = (row.system, known.figure, data, came, f"{row.seconds:.0f}", known.differs)
            yield "| " + " | ".join(cells) + " |"
    yield ""


def parity(rows: Sequence[Row]) -> Iterator[str]:
    """Yield how far quantized networks are from their own float form."""
    yield "## Quantized beside float\n"
    yield "The worst over all cases and seeds of each recipe.\n"
    yield "| recipe | trainings | same first alarm | decisions flipped | difference of VUS-PR |"
    yield "|---|---|---|---|---|"
    for name in system_names(rows):
        found = [row.parity for row in rows if row.system == name and row.parity is not None]
        if found:
            same = sum(p.quantized_first_alarm == p.float_first_alarm for p in found)
            flipped = max(p.flipped_share for p in found)
            apart = [abs(p.vus_pr_difference) for p in found if p.vus_pr_difference is not None]
            worst = f"{max(apart):.4f}" if apart else "-"
            yield f"| {name} | {len(found)} | {same} | {100 * flipped:.3f} % | {worst} |"
    yield ""


def _cell(take: Callable[[Labelled], float], rows: Sequence[Row]) -> str:
    return span([take(labelled_of(row)) for row in rows], 3)


def _delay(rows: Sequence[Row]) -> str:
    """Return the delay to the first prediction time, nothing where none is known."""
    leads = [row.verdicts["all"].lead for row in rows]
    delays = [None if found is None else found.delay_to_fpt for found in leads]
    return "" if all(d is None for d in delays) else f"delay {span(delays)}"
