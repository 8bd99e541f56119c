"""What the agent told of a machine, as episodes: one anomaly each, from open to close."""

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.plant.watch import Told
from edge_agent.pipeline.alarm import Detector

_ALARM = 2.0  # the severity from which an alert is an alarm


@dataclass(frozen=True, slots=True)
class Episode:
    """One anomaly.

    Attributes:
        machine: number.
        detector: that opened it.
        opened_h: hour of the year.
        alarm_h: hour in which the alert became an alarm; None: it never did.
        closed_h: hour in which it closed; the year's end where it was open still.
        severity: the largest.
    """

    machine: int
    detector: Detector
    opened_h: int
    alarm_h: int | None
    closed_h: int
    severity: float


def episodes(told: Iterable[Told], hours: int) -> list[Episode]:
    """Return what was ``told`` of one machine in a year of ``hours``, in order."""
    found: list[Episode] = []
    begun: tuple[int, Detector] | None = None
    alarm_h: int | None = None
    severity, machine = 0.0, 0
    for item in told:
        event = item.event
        if event is None:
            continue
        machine, severity = item.machine, event.severity
        if event.kind == "open":
            begun, alarm_h = (item.hour, event.detector), None
        if alarm_h is None and severity >= _ALARM:
            alarm_h = item.hour
        if event.kind == "close" and begun is not None:
            found.append(Episode(machine, begun[1], begun[0], alarm_h, item.hour, severity))
            begun = None
    if begun is not None:
        found.append(Episode(machine, begun[1], begun[0], alarm_h, hours, severity))
    return found
