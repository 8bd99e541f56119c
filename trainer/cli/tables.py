"""Judgements as tables of text."""

from collections.abc import Iterator, Sequence

from trainer.evaluate import Evaluation, Verdicts
from trainer.metrics import EventCounts

_ORACLE = (
    "best: at the threshold that suits the labels best, an oracle's; for comparison only",
    "PA-F1: point-adjusted, best, for reproduction only; hold it against that of random",
)
_LABELLED = ("VUS-PR", "event F1", "best", "found", "missed", "false", "NAB", "best", "PA-F1")
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
    for name, verdicts in found.verdicts.items():
        if verdicts.lead is not None and verdicts.lead.problem is not None:
            yield f"{name}: its lead does not count: {verdicts.lead.problem}"
    if labelled:
        yield from _ORACLE


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
        figure(found.nab, 1),
        figure(found.best_nab_rows, 1),
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
