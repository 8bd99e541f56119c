"""Lead against false alarms, so that detectors with other thresholds can be compared."""

from dataclasses import dataclass

from trainer.metrics import CurvePoint
from trainer.metrics.run_to_failure import EDGE
from trainer.report.findings import Findings


@dataclass(frozen=True, slots=True)
class Reach:
    """The earliest alarm of one detector that so many false alarms buy.

    Attributes:
        false_alarms: in the healthy part, rising from point to point.
        lead: to the end of the recording, in hours, or windows where it states no times.
        windows: of the first alarm of each point.
    """

    false_alarms: tuple[int, ...]
    lead: tuple[float, ...]
    windows: tuple[int, ...]


def reaches(findings: Findings) -> dict[str, Reach]:
    """Return the curve of each detector that has one, by name.

    Every threshold from 1/8 to 16 times the detector's own was tried. Left out are those whose
    alarm is open at the end of the healthy part or opens on its edge: an alarm that never closes
    is one false alarm only, and its lead is none.
    """
    healthy = findings.truth.healthy
    if healthy is None:
        return {}
    found = {}
    for name in findings.names:
        verdicts = findings.evaluation.verdicts[name]
        reach = _reach(verdicts.curve, healthy[1] + EDGE)
        if reach is not None:
            found[name] = reach
    return found


def _reach(curve: tuple[CurvePoint, ...], earliest: int) -> Reach | None:
    believable = [p for p in curve if p.first_alarm is not None and p.first_alarm >= earliest]
    best: dict[int, CurvePoint] = {}
    for point in sorted(believable, key=lambda p: (p.alarms_in_healthy, p.first_alarm or 0)):
        before = list(best.values())
        if not before or (point.first_alarm or 0) < (before[-1].first_alarm or 0):
            best.setdefault(point.alarms_in_healthy, point)
    if not best:
        return None
    points = list(best.values())
    return Reach(
        false_alarms=tuple(best),
        lead=tuple(float(p.lead_hours or p.lead_windows or 0) for p in points),
        windows=tuple(p.first_alarm or 0 for p in points),
    )


def unit(findings: Findings) -> str:
    """Return what leads are told in."""
    timed = any(p.lead_hours is not None for p in findings.evaluation.verdicts["all"].curve)
    return "hours" if timed else "windows"
