"""The page's tables, as rows of text."""

from dataclasses import dataclass

from edge_agent.calibration.series import Series
from trainer.evaluate import Verdicts
from trainer.report.findings import Findings
from trainer.report.lead import Reach, reaches, unit
from trainer.report.moments import moment
from trainer.report.names import PARTS, TRAINER_ONLY
from trainer.report.verdict import choice

_NO = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what it is about, its cells, and whether it is to stand out."""

    title: str
    cells: tuple[str, ...]
    note: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Headings, the first of them of the titles, with a word on each where it needs one."""

    headings: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]


def alarm_table(findings: Findings) -> Table:
    """Return every alarm of what ships."""
    series = findings.series
    rows = []
    for alarm in findings.evaluation.verdicts["all"].alarms:
        closed = "open at the end" if alarm.closed is None else _when(series, alarm.closed)
        shares = ", ".join(f"{name} {share:.0%}" for name, share in alarm.features)
        by = alarm.detector
        if by == "network" and not findings.has_network:
            by = "score"
        rows.append(
            Row(_when(series, alarm.opened), (closed, by, f"{alarm.severity:.2f}", shares or _NO))
        )
    headings = (
        ("opened in window", ""),
        ("closed", ""),
        ("by", ""),
        ("severity", "largest score / threshold"),
        ("most responsible", "share of the score as it opened"),
    )
    return Table(headings, tuple(rows))


def detector_table(findings: Findings) -> Table:
    """Return every detector's figures on this recording."""
    evaluation = findings.evaluation
    labelled = findings.truth.labels is not None
    course = any(v.lead is not None for v in evaluation.verdicts.values())
    leads = reaches(findings) if course else {}
    headings: list[tuple[str, str]] = [("detector", "")]
    if labelled:
        headings += _LABELLED
    headings += [("first alarm", "")]
    if course:
        headings += [("lead", unit(findings)), ("counts", "")]
        if findings.truth.fpt is not None:
            headings += [("after FPT", "windows")]
        headings += [("best lead", "no false alarm, any threshold")]
    if evaluation.healthy is not None:
        headings += [("in healthy part", "alarms")]
        headings += [] if labelled else [("a healthy day", "alarms")]
    headings += [("alarms in all", "")]
    best, rows = choice(findings), []
    for name, title in findings.names.items():
        found = evaluation.verdicts[name]
        cells = list(_labelled(found)) if labelled else []
        cells.append(
            _whole(found.first_alarm) if labelled else _when(findings.series, found.first_alarm)
        )
        if course:
            cells += _course(findings, found, leads.get(name))
        if evaluation.healthy is not None:
            a_day = found.alarms_per_healthy_day
            cells.append(_whole(found.alarms_in_healthy))
            cells += [] if labelled else [_figure(a_day, 2)]
        cells.append(str(len(found.alarms)))
        rows.append(Row(title, tuple(cells), _note(name, best), strong=name == best))
    return Table(tuple(headings), tuple(rows))


def problems(findings: Findings) -> list[tuple[str, str]]:
    """Return each detector whose lead does not count, and why."""
    found = []
    for name, title in findings.names.items():
        lead = findings.evaluation.verdicts[name].lead
        if lead is not None and lead.problem is not None:
            found.append((title, lead.problem))
    return found


def reproduction_table(findings: Findings) -> Table | None:
    """Return point-adjusted F1 beside that of a random score; None without labels."""
    rows = []
    chance = findings.evaluation.verdicts.get("random")
    if chance is None or chance.labelled is None:
        return None
    for name, title in findings.names.items():
        found = findings.evaluation.verdicts[name].labelled
        if found is not None:
            rows.append(Row(title, (_figure(found.point_adjusted_f1),), strong=name == "random"))
    return Table((("detector", ""), ("point-adjusted F1", "at the best threshold")), tuple(rows))


def dropout_table(findings: Findings) -> Table | None:
    """Return the network beside itself with dropout in use; None where nobody asked for that."""
    found = findings.evaluation.dropout
    if found is None:
        return None
    both = {
        "the network as it ships": findings.evaluation.verdicts["network"],
        f"{found.passes} passes with dropout": found.verdicts,
    }
    headings: list[tuple[str, str]] = [("score", ""), ("first alarm", ""), ("in healthy part", "")]
    headings += [("alarms in all", "")]
    labelled = findings.truth.labels is not None
    headings += _LABELLED if labelled else []
    rows = []
    for name, of in both.items():
        cells = [_when(findings.series, of.first_alarm), _whole(of.alarms_in_healthy)]
        cells += [str(len(of.alarms)), *(_labelled(of) if labelled else ())]
        rows.append(Row(name, tuple(cells), strong=of is not found.verdicts))
    return Table(tuple(headings), tuple(rows))


_LABELLED = (
    ("VUS-PR", "needs no threshold"),
    ("event F1", "as it alarmed"),
    ("oracle F1", "best threshold"),
    ("oracle gap", "lost by the threshold"),
    ("found", "of the labelled events"),
    ("false", "alarms"),
    ("alarmed", "of all windows"),
    ("NAB", "as it alarmed"),
    ("oracle NAB", "best threshold"),
)


def _labelled(found: Verdicts) -> tuple[str, ...]:
    figures = found.labelled
    if figures is None:
        return (_NO,) * len(_LABELLED)
    event = figures.event
    return (
        _figure(figures.vus_pr),
        _figure(event.f1),
        _figure(figures.best_event_f1),
        _figure(figures.oracle_gap),
        f"{event.found} of {event.found + event.missed}",
        str(event.false_alarms),
        f"{event.alarmed_share:.1%}",
        _figure(figures.nab, 1),
        _figure(figures.best_nab, 1),
    )


def _course(findings: Findings, found: Verdicts, reach: Reach | None) -> list[str]:
    lead = found.lead
    timed = unit(findings) == "hours"
    cells = [_NO, _NO]
    if lead is not None:
        told = _figure(lead.lead_hours, 1) if timed else _whole(lead.lead_windows)
        cells = [told, "yes" if lead.counts else "no"]
    if findings.truth.fpt is not None:
        cells.append(_whole(None if lead is None else lead.delay_to_fpt))
    quiet = reach is not None and reach.false_alarms[0] == 0
    cells.append(_figure(reach.lead[0], 1) if reach is not None and quiet else _NO)
    return cells


def _note(name: str, best: str | None) -> str:
    if name == best:
        return "to be shipped"
    if name in TRAINER_ONLY:
        return "for comparison only"
    return "" if name in PARTS else f"--detector {name}"


def _when(series: Series, window: int | None) -> str:
    if window is None:
        return "none"
    return f"{window}\n{moment(series, window)}".strip()


def _figure(value: float | None, digits: int = 3) -> str:
    return _NO if value is None else f"{value:.{digits}f}"


def _whole(value: int | None) -> str:
    return _NO if value is None else str(value)
