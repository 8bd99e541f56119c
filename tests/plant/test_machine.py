"""A machine of the plant does in each hour what its year says."""

import numpy as np
import pytest

from benchmarks.plant.life import PER_DAY
from benchmarks.plant.machine import LENGTH, RANGE_G, PlantMachine, build
from benchmarks.plant.trouble import Troubles, of_the_year

pytest.importorskip("scipy", reason="needs the extra 'trainer'")

HOURS = 365 * PER_DAY


@pytest.fixture(scope="module")
def troubles() -> Troubles:
    return of_the_year(50, 365)


def rms_g(machine: PlantMachine, hour: int) -> float:
    return float(machine.window(hour)[:, 0].std())


def test_a_machine_runs_and_rests(troubles: Troubles) -> None:
    machine = build(0, HOURS, troubles)
    rest, run = np.flatnonzero(~machine.life.running)[0], np.flatnonzero(machine.life.running)[0]
    assert rms_g(machine, int(rest)) < 0.1 * rms_g(machine, int(run))
    assert machine.window(int(run)).shape == (LENGTH, len(machine.input.channels))


def test_the_same_hour_is_the_same_again(troubles: Troubles) -> None:
    first, again = (build(7, HOURS, troubles) for _ in range(2))
    np.testing.assert_array_equal(first.window(1000), again.window(1000))


@pytest.mark.parametrize("number", range(5))
def test_a_fault_grows_until_the_failure_and_is_repaired(troubles: Troubles, number: int) -> None:
    fault = troubles.faults[number]
    machine = build(fault.machine, HOURS, troubles)
    sound = build(fault.machine, HOURS, None)
    running = np.flatnonzero(machine.life.running)
    failure = round(fault.failure_day * PER_DAY)
    before = int(running[running < fault.onset_day * PER_DAY][-1])
    last = int(running[running < failure][-1])
    after = int(running[running > failure + 3 * PER_DAY][0])
    for hour in (before, after):
        assert rms_g(machine, hour) == pytest.approx(rms_g(sound, hour))
    assert rms_g(machine, last) > 1.5 * rms_g(sound, last)
    assert machine.in_work(failure + PER_DAY)


def test_a_broken_sensor_delivers_no_signal(troubles: Troubles) -> None:
    cable, supply, rail = (
        build(sensor.machine, HOURS, troubles).window(round(sensor.from_day * PER_DAY) + 1)[:, 0]
        for sensor in troubles.sensors
    )
    assert not cable.any()
    assert abs(float(supply.mean())) < 0.01
    assert (rail == RANGE_G).all()


def test_the_disturbance_reaches_most_of_the_plant_and_ends(troubles: Troubles) -> None:
    outside = troubles.disturbance
    reached = [n for n in range(50) if outside.reaches(n, outside.from_hour)]
    assert len(reached) == 40
    assert not any(outside.reaches(n, outside.to_hour) for n in range(50))
