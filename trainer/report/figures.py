"""The key figures, each with a word on what it means."""

from dataclasses import dataclass

from edge_agent.calibration.rate import rate_text
from trainer.evaluate import Verdicts
from trainer.metrics import Labelled, Lead
from trainer.report.findings import Findings
from trainer.report.moments import moment, span
from trainer.report.words import left_out


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of what ships: its name, the value, and a note."""

    name: str
    value: str
    note: str = ""


def key_figures(findings: Findings) -> list[Figure]:
    """Return those that there are for this recording, most wanted first."""
    found = findings.evaluation.verdicts["all"]
    figures = [] if found.labelled is None else _labelled(found.labelled)
    figures.append(_first_alarm(findings, found))
    if found.alarms_in_healthy is not None:
        a_day = found.alarms_per_healthy_day
        rate = "" if a_day is None else f"{a_day:.2g} a day"
        note = "; ".join(filter(None, (rate, left_out(findings))))
        figures.append(Figure("Alarms in the healthy part", str(found.alarms_in_healthy), note))
    if found.lead is not None:
        figures.append(_lead(found.lead))
    budget = findings.spec.budget
    if budget is not None:
        low, high = rate_text(budget.point.low), rate_text(budget.point.high)
        expected = rate_text(budget.point.expected)
        figures.append(Figure("False alarms expected", expected, f"90 %: {low} to {high}"))
    if found.labelled is not None and found.labelled.nab is not None:
        figures.append(Figure("NAB score", f"{found.labelled.nab:.1f}", "100 is perfect"))
    return figures


def _labelled(found: Labelled) -> list[Figure]:
    event = found.event
    counts = f"{event.found} found, {event.missed} missed, {event.false_alarms} false"
    return [
        Figure("VUS-PR", f"{found.vus_pr:.3f}", "of 1; needs no threshold"),
        Figure("Event F1", f"{event.f1:.3f}", counts),
    ]


def _first_alarm(findings: Findings, found: Verdicts) -> Figure:
    name = "First alarm"
    if findings.evaluation.healthy is not None and findings.truth.healthy is not None:
        name += " after the healthy part"
    if found.first_alarm is None:
        return Figure(name, "none", f"in {findings.evaluation.windows} windows")
    return Figure(name, f"window {found.first_alarm}", moment(findings.series, found.first_alarm))


def _lead(lead: Lead) -> Figure:
    name = "Lead to the end"
    if not lead.counts:
        return Figure(name, "none that counts", lead.problem or "")
    if lead.lead_hours is None:
        return Figure(name, f"{lead.lead_windows} windows")
    return Figure(name, span(3600.0 * lead.lead_hours), f"{lead.lead_windows} windows")
