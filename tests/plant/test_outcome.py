"""What was told of the plant is held against what happened."""

import pytest

from benchmarks.plant.episodes import Episode, Loss
from benchmarks.plant.life import PER_DAY
from benchmarks.plant.outcome import summarise
from benchmarks.plant.table import table
from benchmarks.plant.trouble import Fault, Troubles, of_the_year
from benchmarks.plant.watch import Watched

HOURS, HEALTHY_H = 365 * PER_DAY, 28 * PER_DAY


def watched(machine: int, *episodes: Episode, losses: tuple[Loss, ...] = ()) -> Watched:
    return Watched(machine, episodes, losses, {"scored": 10}, None)


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
                Episode(
                    fault.machine,
                    "level",
                    failure - 20 * PER_DAY,
                    failure - 10 * PER_DAY,
                    failure + PER_DAY,
                ),
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
                Episode(fault.machine, "level", onset + 10, onset + 10, onset + 20),
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
        [watched(0, Episode(0, "level", 1000, 1010, 1020)), watched(1)],
        troubles,
        HOURS,
        HEALTHY_H,
    )
    assert (found.false.alerts, found.false.alarms, found.false.quiet) == (1, 1, 1)
    assert found.false.machine_years == pytest.approx(2 * (365 - 28) / 365.25, rel=0.01)


def test_a_lost_signal_is_held_against_the_broken_sensor(troubles: Troubles) -> None:
    sensor = troubles.sensors[0]
    begin, end = round(sensor.from_day * PER_DAY), round(sensor.to_day * PER_DAY)
    loss = Loss(sensor.machine, "flat line", begin + 1, end + 2)
    found = summarise([watched(sensor.machine, losses=(loss,))], troubles, HOURS, HEALTHY_H)
    row = next(row for row in found.sensors if row.machine == sensor.machine)
    assert (row.reported_after_h, row.gone_after_h, row.reason) == (1, 2, "flat line")


def test_what_strikes_many_at_once_is_one_group(troubles: Troubles) -> None:
    hour = troubles.disturbance.from_hour
    struck = [watched(n, Episode(n, "level", hour + n % 2, None, hour + 20)) for n in range(1, 5)]
    quiet = [watched(n) for n in range(5, 15)]
    lonely = watched(20, Episode(20, "level", 2000, None, 2010))
    found = summarise([*struck, *quiet, lonely], troubles, HOURS, HEALTHY_H)
    assert (found.disturbance.groups, found.disturbance.other_groups) == ((4,), ())
