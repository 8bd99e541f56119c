"""What happens in the plant's year: faults that grow, sensors that fail, and what is no fault."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.plant.life import PER_DAY

FaultKind = Literal["outer race", "inner race", "unbalance", "misalignment", "lubrication"]
SensorFault = Literal["cable broken", "supply lost", "stuck at the rail"]

REPAIR_DAYS = 2  # after the failure the machine stands still, in maintenance
_SHARE_OF_DAMAGE = 0.02  # of what the fault is at the failure, it is there at its onset


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that grows exponentially from its onset to the failure.

    Attributes:
        machine: number.
        kind: what goes.
        onset_day: from the beginning of the year.
        failure_day: likewise; repaired after it.
    """

    machine: int
    kind: FaultKind
    onset_day: float
    failure_day: float

    def size(self, hour: int) -> float:
        """Return how large it is: 0 before onset and after the failure, 1 at the failure."""
        onset, failure = self.onset_day * PER_DAY, self.failure_day * PER_DAY
        if not onset <= hour < failure:
            return 0.0
        return float(_SHARE_OF_DAMAGE ** ((failure - hour) / (failure - onset)))


@dataclass(frozen=True, slots=True)
class BrokenSensor:
    """A sensor that delivers no signal for some days."""

    machine: int
    kind: SensorFault
    from_day: float
    to_day: float


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Planned work, announced to the agent; the machine is another one afterwards, a little.

    Attributes:
        machine: number.
        day: it begins; the machine stands still for a day.
        unbalance: factor of its unbalance afterwards.
        noise: factor of its noise afterwards.
    """

    machine: int
    day: float
    unbalance: float
    noise: float


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something outside that shakes most of the plant: piling next door.

    Attributes:
        from_hour: of the year.
        to_hour: likewise.
        every_machine_but: that does not feel it is the one whose number this divides.
        rms_g: of what it adds.
        hz: its main frequency.
    """

    from_hour: int
    to_hour: int
    every_machine_but: int
    rms_g: float
    hz: float

    def reaches(self, machine: int, hour: int) -> bool:
        """Say whether the machine feels it in that hour."""
        return machine % self.every_machine_but != 0 and self.from_hour <= hour < self.to_hour


@dataclass(frozen=True, slots=True)
class Troubles:
    """The whole year's."""

    faults: tuple[Fault, ...]
    sensors: tuple[BrokenSensor, ...]
    maintenance: tuple[Maintenance, ...]
    disturbance: Disturbance


def of_the_year(machines: int, days: int) -> Troubles:
    """Return what happens in a year of ``days`` in a plant of at least 15 ``machines``."""
    rng = np.random.default_rng(2026)
    chosen = [int(i) for i in rng.permutation(machines)[:14]]
    kinds: tuple[FaultKind, ...] = (
        "outer race",
        "inner race",
        "unbalance",
        "misalignment",
        "lubrication",
    )
    broken: tuple[SensorFault, ...] = ("cable broken", "supply lost", "stuck at the rail")
    year = days / 365.0
    return Troubles(
        faults=tuple(
            Fault(machine, kind, year * onset, year * (onset + 60.0))
            for machine, kind, onset in zip(chosen, kinds, (90, 140, 180, 215, 260), strict=False)
        ),
        sensors=tuple(
            BrokenSensor(machine, kind, year * day, year * (day + 4.0))
            for machine, kind, day in zip(chosen[5:], broken, (110, 200, 300), strict=False)
        ),
        maintenance=tuple(
            Maintenance(machine, year * (100.0 + 30.0 * i), *rng.uniform(0.7, 1.25, 2))
            for i, machine in enumerate(chosen[8:])
        ),
        disturbance=Disturbance(
            from_hour=int(year * 240 * PER_DAY) + 9,
            to_hour=int(year * 240 * PER_DAY) + 15,
            every_machine_but=5,
            rms_g=0.15,
            hz=31.0,
        ),
    )
