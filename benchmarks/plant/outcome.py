"""The year of the plant in numbers: leads, false alarms against the budget, sensors, grouping."""

from collections.abc import Iterable, Sequence

import msgspec

from benchmarks.plant.episodes import Episode
from benchmarks.plant.life import PER_DAY
from benchmarks.plant.together import grouped
from benchmarks.plant.trouble import REPAIR_DAYS, Troubles
from benchmarks.plant.watch import Watched
from edge_agent.pipeline.budget import BudgetPoint

_AFTERWARDS_H = 4 * PER_DAY  # smoothed scores take that long to come down
_PER_YEAR = 365.25 * PER_DAY


class FaultRow(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a growing fault; leads in days before the failure, None: never told."""

    machine: int
    kind: str
    grew_days: float
    alert_lead_days: float | None
    alarm_lead_days: float | None
    detector: str | None


class SensorRow(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a sensor fault.

    Attributes:
        reported_after_h: None: never.
        reason: as reported.
        gone_after_h: hours from its end to the report of that.
        alerts: that opened while it lasted: none should.
    """

    machine: int
    kind: str
    reported_after_h: int | None
    reason: str | None
    gone_after_h: int | None
    alerts: int


class DisturbanceRow(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the disturbance.

    Attributes:
        hours: that it lasted.
        felt: machines that felt it.
        told: machines that told of it.
        groups: events with one cause that the gateway made of that, by the number of machines.
        other_groups: that it made in the rest of the year.
    """

    hours: int
    felt: int
    told: int
    groups: tuple[int, ...]
    other_groups: tuple[int, ...]


class FalseRow(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts and alarms for which there is no reason.

    Attributes:
        machine_years: watched, without the times in which something was wrong.
        alerts: of any severity.
        alarms: of those that would get somebody up.
        alerts_per_year: of a machine.
        alarms_per_year: likewise.
        foreseen_per_year: alerts, as commissioning foresaw them, mean over the machines; beside
            the lowest and the highest that it thought likely, means too.
        worst: alerts of the machine with most.
        quiet: machines without any alert.
    """

    machine_years: float
    alerts: int
    alarms: int
    alerts_per_year: float
    alarms_per_year: float
    foreseen_per_year: tuple[float, float, float] | None
    worst: int
    quiet: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The whole year."""

    machines: int
    days: float
    healthy_days: float
    windows: dict[str, int]
    faults: tuple[FaultRow, ...]
    sensors: tuple[SensorRow, ...]
    disturbance: DisturbanceRow
    false: FalseRow


def summarise(
    watched: Sequence[Watched], troubles: Troubles, hours: int, healthy_h: int
) -> Outcome:
    """Return what the agent told of all machines, held against what happened."""
    every = {w.machine: list(w.episodes) for w in watched}
    windows: dict[str, int] = {}
    for one in watched:
        for reason, count in one.reasons.items():
            windows[reason] = windows.get(reason, 0) + count
    disturbance = troubles.disturbance
    told = [
        any(e.meets(disturbance.from_hour, disturbance.to_hour + PER_DAY) for e in found)
        for machine, found in every.items()
        if disturbance.reaches(machine, disturbance.from_hour)
    ]
    groups = grouped([e for found in every.values() for e in found], len(watched))
    at_that_time = range(disturbance.from_hour, disturbance.to_hour + PER_DAY)
    return Outcome(
        machines=len(watched),
        days=hours / PER_DAY,
        healthy_days=healthy_h / PER_DAY,
        windows=windows,
        faults=tuple(_faults(every, troubles)),
        sensors=tuple(_sensors(watched, every, troubles)),
        disturbance=DisturbanceRow(
            hours=disturbance.to_hour - disturbance.from_hour,
            felt=len(told),
            told=sum(told),
            groups=tuple(n for hour, n in groups if hour in at_that_time),
            other_groups=tuple(n for hour, n in groups if hour not in at_that_time),
        ),
        false=_false(watched, every, troubles, (healthy_h, hours)),
    )


def excused(machine: int, troubles: Troubles) -> list[tuple[int, int]]:
    """Return the hours [from, to) in which an alert of the machine has a reason."""
    found = []
    for fault in troubles.faults:
        if fault.machine == machine:
            until = round((fault.failure_day + REPAIR_DAYS) * PER_DAY) + _AFTERWARDS_H
            found.append((round(fault.onset_day * PER_DAY), until))
    found += [
        (round(sensor.from_day * PER_DAY), round(sensor.to_day * PER_DAY))
        for sensor in troubles.sensors
        if sensor.machine == machine
    ]
    outside = troubles.disturbance
    if outside.reaches(machine, outside.from_hour):
        found.append((outside.from_hour, outside.to_hour + PER_DAY))
    return found


def _faults(every: dict[int, list[Episode]], troubles: Troubles) -> Iterable[FaultRow]:
    for fault in troubles.faults:
        onset, failure = round(fault.onset_day * PER_DAY), round(fault.failure_day * PER_DAY)
        # What closed again before the failure was no warning of it: nobody would have acted. What
        # was open already warns from the onset on.
        seen = [e for e in every.get(fault.machine, ()) if e.lasts(failure)]
        alarms = [
            max(e.alarm_h, onset) for e in seen if e.alarm_h is not None and e.alarm_h < failure
        ]
        yield FaultRow(
            machine=fault.machine,
            kind=fault.kind,
            grew_days=fault.failure_day - fault.onset_day,
            alert_lead_days=_lead(failure, [max(e.opened_h, onset) for e in seen]),
            alarm_lead_days=_lead(failure, alarms),
            detector=seen[0].detector if seen else None,
        )


def _lead(failure: int, told: list[int]) -> float | None:
    return (failure - min(told)) / PER_DAY if told else None


def _sensors(
    watched: Sequence[Watched], every: dict[int, list[Episode]], troubles: Troubles
) -> Iterable[SensorRow]:
    losses = {w.machine: w.losses for w in watched}
    for sensor in troubles.sensors:
        begin, end = round(sensor.from_day * PER_DAY), round(sensor.to_day * PER_DAY)
        lost = next((one for one in losses.get(sensor.machine, ()) if one.from_h >= begin), None)
        yield SensorRow(
            machine=sensor.machine,
            kind=sensor.kind,
            reported_after_h=None if lost is None else lost.from_h - begin,
            reason=None if lost is None else lost.reason,
            gone_after_h=None if lost is None or lost.to_h is None else lost.to_h - end,
            alerts=sum(begin <= e.opened_h < end for e in every.get(sensor.machine, ())),
        )


def _false(
    watched: Sequence[Watched],
    every: dict[int, list[Episode]],
    troubles: Troubles,
    span: tuple[int, int],
) -> FalseRow:
    alerts, alarms, clean_h = dict[int, int](), 0, 0
    for machine, found in every.items():
        reasons = excused(machine, troubles)
        without = [e for e in found if not any(a <= e.opened_h < b for a, b in reasons)]
        alerts[machine] = len(without)
        alarms += sum(
            e.alarm_h is not None and not any(a <= e.alarm_h < b for a, b in reasons)
            for e in without
        )
        covered = sum(max(0, min(b, span[1]) - max(a, span[0])) for a, b in reasons)
        clean_h += span[1] - span[0] - covered
    years = clean_h / _PER_YEAR
    points = [w.foreseen for w in watched if w.foreseen is not None]
    return FalseRow(
        machine_years=years,
        alerts=sum(alerts.values()),
        alarms=alarms,
        alerts_per_year=sum(alerts.values()) / years,
        alarms_per_year=alarms / years,
        foreseen_per_year=_yearly(points),
        worst=max(alerts.values()),
        quiet=sum(count == 0 for count in alerts.values()),
    )


def _yearly(points: list[BudgetPoint]) -> tuple[float, float, float] | None:
    if not points:
        return None
    rates = [(p.expected, p.low, p.high) for p in points]
    expected, low, high = (12.0 * sum(column) / len(points) for column in zip(*rates, strict=True))
    return expected, low, high
