"""Judgements as tables of text."""

from collections.abc import Iterator, Sequence

from trainer.compare import Comparison, Row, Spread
from trainer.evaluate import Evaluation, Verdicts
from trainer.metrics import EventCounts

_ORACLE = (
    "best: at the threshold that suits the labels best, an oracle's; for comparison only",
    "PA-F1: point-adjusted, best, for reproduction only; hold it against that of random",
)
_LABELLED = (
    *("VUS-PR", "event F1", "best", "found", "missed", "false", "alarmed %"),
    *("NAB", "best", "PA-F1"),
)
# figure by the heading of its column: name in Row.spread, digits
_SPREAD_LABELLED = {
    "VUS-PR": ("vus_pr", 3),
    "event F1": ("event_f1", 3),
    "best": ("best_event_f1", 3),
    "alarmed": ("event_alarmed_share", 3),
    "NAB": ("nab", 1),
    "best NAB": ("best_nab", 1),
    "PA-F1": ("point_adjusted_f1", 3),
    "first alarm": ("first_alarm", 0),
}
_SPREAD_COURSE = {
    "first alarm": ("first_alarm", 0),
    "hours": ("lead_hours", 1),
    "after FPT": ("delay_to_fpt", 0),
    "counts": ("counts", 2),
    "alarms": ("alarms", 0),
}
_SPREAD_HEALTHY = {"in healthy": ("alarms_in_healthy", 0), "a day": ("alarms_per_healthy_day", 2)}
_COURSE = ("first alarm", "lead", "hours", "after FPT", "counts")
_HEALTHY = ("in healthy", "a day")


def evaluation_lines(found: Evaluation) -> Iterator[str]:
    """Yield a table of every detector's figures and what has to be said about them."""
    labelled = found.labelled_rows is not None
    course = any(v.lead is not None for v in found.verdicts.values())
    header = ["detector", *(_LABELLED if labelled else ()), *(_COURSE if course else ())]
    header += [
        *(() if course else ("first alarm",)),
        "alarms",
        *(_HEALTHY if found.healthy else ()),
    ]
    rows = [
        [
            name,
            *(_labelled(v) if labelled else ()),
            *(_course(v) if course else (whole(v.first_alarm),)),
            str(len(v.alarms)),
            *(
                (whole(v.alarms_in_healthy), figure(v.alarms_per_healthy_day, 2))
                if found.healthy
                else ()
            ),
        ]
        for name, v in found.verdicts.items()
    ]
    yield from table(header, rows)
    if found.confirmed_left_out is not None:
        yield f"healthy part{left_out_text(found.confirmed_left_out)}"
    for name, verdicts in found.verdicts.items():
        if verdicts.lead is not None and verdicts.lead.problem is not None:
            yield f"{name}: its lead does not count: {verdicts.lead.problem}"
    if labelled:
        yield from _ORACLE


def comparison_lines(found: Comparison) -> Iterator[str]:
    """Yield a table of every contestant's figures, median and range over the seeds."""
    labelled = found.labelled_rows is not None
    shown = {**(_SPREAD_LABELLED if labelled else _SPREAD_COURSE), **_SPREAD_HEALTHY}
    rows = [
        [
            row.name,
            str(len(row.seeds)),
            *(spread(row.spread.get(key), digits) for key, digits in shown.values()),
            *_parity(row),
        ]
        for row in found.rows
    ]
    yield from table(["", "seeds", *shown, "float first", "dVUS-PR", "flipped %"], rows)
    for row in found.rows:
        if row.problem is not None:
            yield f"{row.name}: could not be trained: {row.problem}"
    if labelled:
        yield from _ORACLE


def spread(found: Spread | None, digits: int) -> str:
    """Return median and range, and how many seeds have no such figure."""
    if found is None:
        return "-"
    text = figure(found.median, digits)
    if found.low != found.high:
        text += f" ({found.low:.{digits}f} to {found.high:.{digits}f})"
    return f"{text}, {found.missing} without" if found.missing else text


def left_out_text(windows: int | None) -> str:
    """Say what was kept out of a healthy part; nothing where nobody was asked."""
    return "" if windows is None else f", {windows} windows of confirmed faults left out"


def dropout_lines(found: Evaluation) -> Iterator[str]:
    """Yield what passes with dropout in use came to; nothing where nobody asked for them."""
    dropout = found.dropout
    if dropout is None:
        return
    rank = dropout.rank_correlation
    agreed = "" if rank is None else f", ranked alike by {rank:.3f} (Spearman)"
    yield f"{dropout.passes} passes with dropout in use, for comparison only; they do not ship:"
    yield f"  intervals {dropout.widening:.2f} times as wide as those that ship{agreed}"
    for name, of in (("passes", dropout.verdicts), ("ships", found.verdicts["network"])):
        first = "none" if of.first_alarm is None else f"in window {of.first_alarm}"
        labelled = "" if of.labelled is None else f", VUS-PR {of.labelled.vus_pr:.3f}"
        yield f"  {name}: first alarm {first}, {of.alarms_in_healthy} in the healthy part{labelled}"


def _parity(row: Row) -> tuple[str, str, str]:
    """Return the float network's first alarms, and the largest differences of any seed."""
    if not row.parity:
        return ("-", "-", "-")
    firsts = sorted({whole(p.float_first_alarm) for p in row.parity})
    vus = [abs(p.vus_pr_difference) for p in row.parity if p.vus_pr_difference is not None]
    flipped = 100.0 * max(p.flipped_share for p in row.parity)
    return ", ".join(firsts), figure(max(vus, default=None), 4), figure(flipped, 3)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield lines with the first column flush left and the others flush right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        first, *others = (
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join((first, *others)).rstrip()


def figure(value: float | None, digits: int = 3) -> str:
    """Return a number for people, a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def whole(value: int | None) -> str:
    """Return a whole number, a dash where there is none."""
    return "-" if value is None else str(value)


def _labelled(verdicts: Verdicts) -> tuple[str, ...]:
    found = verdicts.labelled
    if found is None:
        return ("-",) * len(_LABELLED)
    event: EventCounts = found.event
    return (
        figure(found.vus_pr),
        figure(event.f1),
        figure(found.best_event_f1),
        str(event.found),
        str(event.missed),
        str(event.false_alarms),
        figure(100.0 * event.alarmed_share, 1),
        figure(found.nab, 1),
        figure(found.best_nab, 1),
        figure(found.point_adjusted_f1),
    )


def _course(verdicts: Verdicts) -> tuple[str, ...]:
    found = verdicts.lead
    if found is None:
        return ("-",) * len(_COURSE)
    return (
        whole(found.first_alarm),
        whole(found.lead_windows),
        figure(found.lead_hours, 1),
        whole(found.delay_to_fpt),
        "yes" if found.counts else "no",
    )
