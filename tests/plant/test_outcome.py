"""What was told of the plant is held against what happened."""

import pytest

from benchmarks.plant.life import PER_DAY
from benchmarks.plant.outcome import summarise
from benchmarks.plant.table import table
from benchmarks.plant.trouble import Fault, Troubles, of_the_year
from benchmarks.plant.watch import Told, Watched
from edge_agent.pipeline.alarm import Event

HOURS, HEALTHY_H = 365 * PER_DAY, 28 * PER_DAY


def told(machine: int, hour: int, kind: str, severity: float) -> Told:
    event = Event(
        kind=kind,  # type: ignore[arg-type]
        number=1,
        detector="level",
        start_ns=0,
        opened_ns=0,
        end_ns=None,
        opened_index=0,
        index=hour,
        severity=severity,
        features=(),
    )
    return Told(machine, hour, event)


def watched(machine: int, *told: Told) -> Watched:
    return Watched(machine, told, {"scored": 10}, None, (HEALTHY_H,), 10)


@pytest.fixture(scope="module")
def troubles() -> Troubles:
    return of_the_year(50, 365)


@pytest.fixture(scope="module")
def fault(troubles: Troubles) -> Fault:
    return troubles.faults[0]


def test_an_alarm_that_stands_until_the_failure_has_a_lead(
    troubles: Troubles, fault: Fault
) -> None:
    failure = round(fault.failure_day * PER_DAY)
    found = summarise(
        [
            watched(
                fault.machine,
                told(fault.machine, failure - 20 * PER_DAY, "open", 1.2),
                told(fault.machine, failure - 10 * PER_DAY, "update", 2.5),
                told(fault.machine, failure + PER_DAY, "close", 9.0),
            )
        ],
        troubles,
        HOURS,
        HEALTHY_H,
    )
    row = next(row for row in found.faults if row.machine == fault.machine)
    assert (row.alert_lead_days, row.alarm_lead_days) == (20.0, 10.0)
    assert (found.false.alerts, found.false.alarms) == (0, 0)
    assert "20.0 days before" in table(found)


def test_an_alert_that_closes_before_the_failure_is_no_warning(
    troubles: Troubles, fault: Fault
) -> None:
    onset = round(fault.onset_day * PER_DAY)
    found = summarise(
        [
            watched(
                fault.machine,
                told(fault.machine, onset + 10, "open", 3.0),
                told(fault.machine, onset + 20, "close", 3.0),
            )
        ],
        troubles,
        HOURS,
        HEALTHY_H,
    )
    assert [row.alert_lead_days for row in found.faults] == [None] * 5
    assert "never" in table(found)


def test_what_has_no_reason_is_false_and_counted_by_machine_years(troubles: Troubles) -> None:
    found = summarise(
        [watched(0, told(0, 1000, "open", 1.1), told(0, 1010, "close", 2.1)), watched(1)],
        troubles,
        HOURS,
        HEALTHY_H,
    )
    assert (found.false.alerts, found.false.alarms, found.false.quiet) == (1, 1, 1)
    assert found.false.machine_years == pytest.approx(2 * (365 - 28) / 365.25, rel=0.01)
