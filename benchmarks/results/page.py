"""The page of results, Markdown, made from rows alone."""

from collections.abc import Iterator, Sequence

from benchmarks.results import sections
from benchmarks.results.rows import Row
from benchmarks.results.tables import OURS, by_case, medians

_HEAD = """# Results

Made by `make results` from public recordings that are not part of this project; do not edit.
Every number comes from the code that runs on the gateway: TFLite where there is a network, windows
one by one, nothing after a window used to score it. `default` is one set of parameters for all.
Thresholds come from healthy windows alone. Networks of `default` were trained with up to {seeds}
different seeds: median, and the range in brackets where it is not a point. A dash stands where
nothing was run, or where there is nothing to tell.
"""


def page(
    rows: Sequence[Row], random_f1: dict[str, float], figures: Sequence[tuple[str, str]]
) -> str:
    """Return the page.

    Args:
        rows: all that was run.
        random_f1: point-adjusted F1 of a random score, by case.
        figures: (file beside the page, what it shows).
    """
    usual = [row for row in rows if not row.problem]
    seeds = len({row.seed for row in usual if row.system == OURS})
    parts = [_HEAD.format(seeds=seeds), *_standing(usual), *sections.failures(usual)]
    parts += [
        *sections.labelled(usual, random_f1),
        *sections.seeded(usual),
        *sections.published(usual),
        *sections.parity(usual),
    ]
    for name, caption in figures:
        parts.append(f"## {caption}\n\n![{caption}]({name})\n")
    if len(usual) < len(rows):
        lost = {(r.family, r.case, r.system, r.problem) for r in rows if r.problem}
        parts.append("## What could not be run\n")
        parts.append(
            "\n".join(f"* {' / '.join(map(str, row))}" for row in sorted(lost, key=str)) + "\n"
        )
    return "\n".join(parts)


def figure_of(row: Row) -> float | None:
    """Return the one number that a row is ranked by: larger is better; None where it has none."""
    found = row.verdicts["all"]
    if found.labelled is not None:
        return found.labelled.vus_pr
    if row.kind != "run to failure" or found.lead is None:
        return None
    return float(found.lead.lead_windows or 0) if found.lead.counts else 0.0


def _standing(rows: Sequence[Row]) -> Iterator[str]:
    """Say where ours wins and where it loses, and to which."""
    yield "## Where it wins and where it loses\n"
    yield "Ranked by VUS-PR where there are labels, by a lead that counts otherwise (none of the"
    yield "alarms in the healthy part or on the edge of the warm-up).\n"
    for (family, case), own in by_case(rows):
        best = medians(own, figure_of)
        if OURS not in best or len(best) < 2:  # noqa: PLR2004 - alone it stands nowhere
            continue
        better = sorted((n for n in best if best[n] > best[OURS]), key=lambda n: -best[n])
        told = ", ".join(f"{name} {best[name]:.3g}" for name in better[:4])
        place = f"place {len(better) + 1} of {len(best)}, {best[OURS]:.3g}"
        yield f"* {family}, {case}: {place}" + (f"; better: {told}" if told else "")
    yield ""
