"""The outcome as one table for people."""

from collections.abc import Iterator

from benchmarks.plant.outcome import FaultRow, Outcome, SensorRow
from benchmarks.table import aligned

_NEVER = "never"
_FAULTS = ("growing fault", "machine", "alert", "alarm", "opened by")
_SENSORS = ("sensor fault", "machine", "reported", "alerts", "reason")


def table(outcome: Outcome) -> str:
    """Return the outcome as lines of text."""
    return "\n".join(
        (
            _first(outcome),
            "",
            *aligned([_FAULTS, *map(_fault, outcome.faults)]),
            "",
            *aligned([_SENSORS, *map(_sensor, outcome.sensors)]),
            "",
            *_last(outcome),
        )
    )


def _first(outcome: Outcome) -> str:
    others = sorted(item for item in outcome.windows.items() if item[0] != "scored")
    return (
        f"{outcome.machines} machines, {outcome.days:.0f} days, commissioned by the first"
        f" {outcome.healthy_days:.0f}; {outcome.windows.get('scored', 0)} windows scored, "
        + ", ".join(f"{count} {reason}" for reason, count in others)
    )


def _fault(row: FaultRow) -> tuple[str, ...]:
    return (
        f"{row.kind}, {row.grew_days:.0f} days",
        str(row.machine),
        _before(row.alert_lead_days),
        _before(row.alarm_lead_days),
        row.detector or "",
    )


def _sensor(row: SensorRow) -> tuple[str, ...]:
    after = row.reported_after_h
    reported = _NEVER if after is None else f"after {after} h"
    return row.kind, str(row.machine), reported, str(row.alerts), row.reason or ""


def _last(outcome: Outcome) -> Iterator[str]:
    outside, false = outcome.disturbance, outcome.false
    yield (
        f"disturbance of {outside.hours} h: felt by {outside.felt} machines, told by"
        f" {outside.told}, in {_groups(outside.groups)}; else in the year"
        f" {_groups(outside.other_groups)}"
    )
    foreseen = false.foreseen_per_year
    yield (
        f"false alerts: {false.alerts} in {false.machine_years:.1f} machine-years,"
        f" {false.alerts_per_year:.2f} a year"
        + ("" if foreseen is None else ", foreseen {:.1f} ({:.1f} to {:.1f})".format(*foreseen))
        + f"; most of one machine {false.worst}, none of {false.quiet} machines"
    )
    yield f"false alarms: {false.alarms}, {false.alarms_per_year:.2f} a year"


def _groups(sizes: tuple[int, ...]) -> str:
    if not sizes:
        return "no group"
    plural = "s" if len(sizes) > 1 else ""
    return f"{len(sizes)} group{plural} of {', '.join(map(str, sizes))}"


def _before(days: float | None) -> str:
    return _NEVER if days is None else f"{days:.1f} days before"
