"""A machine of the plant: what its sensor delivers in any hour of the year."""

from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from edge_sensor_simulated import Defect, Machine, simulate
from numpy.typing import NDArray

from benchmarks.plant.life import HOUR_S, PER_DAY, Life, live
from benchmarks.plant.trouble import REPAIR_DAYS, Fault, Maintenance, Troubles
from edge_agent.pipeline.block import InputSpec

RATE_HZ, LENGTH = 4096.0, 2048
RANGE_G = 16.0
_GRAVITY_G = 1.0
_VARIABLE = 0.4  # of the machines turn at a speed that is set, and known

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PlantMachine:
    """One machine, its year and its troubles.

    Attributes:
        number: of the machine.
        nominal: at nominal speed and load, healthy.
        life: its year.
        variable_speed: its speed is a second channel.
        troubles: the plant's.
    """

    number: int
    nominal: Machine
    life: Life
    variable_speed: bool
    troubles: Troubles | None

    @property
    def input(self) -> InputSpec:
        """What its windows are like."""
        return InputSpec(
            kind="samples",
            channels=("x", "speed") if self.variable_speed else ("x",),
            rate_hz=RATE_HZ,
            unit="g",
            length=LENGTH,
            hop=LENGTH,
            period_s=float(HOUR_S),
            context=("speed",) if self.variable_speed else (),
        )

    def fault(self) -> Fault | None:
        """Return the fault that grows in this machine, if any does."""
        found = () if self.troubles is None else self.troubles.faults
        return next((fault for fault in found if fault.machine == self.number), None)

    def maintenance(self) -> Maintenance | None:
        """Return the planned work on it."""
        found = () if self.troubles is None else self.troubles.maintenance
        return next((work for work in found if work.machine == self.number), None)

    def in_work(self, hour: int) -> bool:
        """Say whether somebody works on it, so that it stands still."""
        fault, work = self.fault(), self.maintenance()
        repaired = fault is not None and (
            0 <= hour - fault.failure_day * PER_DAY < REPAIR_DAYS * PER_DAY
        )
        return repaired or (work is not None and 0 <= hour - work.day * PER_DAY < PER_DAY)

    def window(self, hour: int) -> Samples:
        """Return the samples of an hour, float32 (2048, channels): g, and turns per second."""
        broken = self._without_signal(hour)
        speed_hz = self.nominal.shaft_hz * float(self.life.speed[hour])
        running = bool(self.life.running[hour]) and not self.in_work(hour)
        found = self._vibration(hour, speed_hz, running=running) if broken is None else broken
        if not self.variable_speed:
            return found
        turning_hz = speed_hz if running else 0.0
        return np.column_stack((found, np.full(LENGTH, turning_hz, np.float32)))

    def _vibration(self, hour: int, speed_hz: float, *, running: bool) -> Samples:
        start_s = float(hour) * HOUR_S
        if not running:
            resting = msgspec.structs.replace(
                self.nominal, load=0.0, unbalance_g=0.0, misalignment_g=0.0
            )
            return simulate(resting, rate_hz=RATE_HZ, length=LENGTH, start_s=start_s)
        machine = self._as_it_is(hour, speed_hz)
        samples = simulate(machine, rate_hz=RATE_HZ, length=LENGTH, start_s=start_s)
        if self.troubles is not None and self.troubles.disturbance.reaches(self.number, hour):
            outside = self.troubles.disturbance
            time_s = np.arange(LENGTH) / RATE_HZ
            wave = np.sin(2.0 * np.pi * outside.hz * time_s + self.number)
            samples[:, 0] += (np.sqrt(2.0) * outside.rms_g * wave).astype(np.float32)
        return samples

    def _as_it_is(self, hour: int, speed_hz: float) -> Machine:
        relative = speed_hz / self.nominal.shaft_hz
        load, noise = float(self.life.load[hour]), float(self.life.noise[hour])
        work = self.maintenance()
        unbalance = 1.0
        if work is not None and hour >= work.day * PER_DAY:
            unbalance, noise = unbalance * work.unbalance, noise * work.noise
        fault = self.fault()
        size = 0.0 if fault is None else fault.size(hour)
        kind = None if fault is None else fault.kind
        defect = Defect()
        if size > 0.0 and kind in _SPALLS:
            defect = Defect(kind=_SPALLS[kind], start_g=size * 40.0 * self.nominal.noise_g)
        if kind == "lubrication":  # dry metal: noise
            noise *= 1.0 + 4.0 * size
        return msgspec.structs.replace(
            self.nominal,
            shaft_hz=speed_hz,
            load=relative * load,
            noise_g=self.nominal.noise_g * noise,
            unbalance_g=self.nominal.unbalance_g * relative**2 * unbalance
            + (size if kind == "unbalance" else 0.0) * relative**2,
            misalignment_g=self.nominal.misalignment_g * relative
            + (size if kind == "misalignment" else 0.0) * relative,
            defect=defect,
        )

    def _without_signal(self, hour: int) -> Samples | None:
        """Return what a broken sensor delivers; None where it works."""
        for sensor in () if self.troubles is None else self.troubles.sensors:
            if sensor.machine != self.number:
                continue
            if not sensor.from_day * PER_DAY <= hour < sensor.to_day * PER_DAY:
                continue
            if sensor.kind == "cable broken":
                return np.zeros((LENGTH, 1), np.float32)
            if sensor.kind == "stuck at the rail":
                return np.full((LENGTH, 1), RANGE_G, np.float32)
            silent = Machine(seed=self.number, load=0.0, unbalance_g=0.0, misalignment_g=0.0)
            return simulate(silent, rate_hz=RATE_HZ, length=LENGTH, start_s=float(hour) * HOUR_S)
        return None


_SPALLS: dict[str | None, Literal["outer", "inner"]] = {
    "outer race": "outer",
    "inner race": "inner",
}


def build(number: int, hours: int, troubles: Troubles | None) -> PlantMachine:
    """Return the machine of that number; without ``troubles`` it stays healthy all year."""
    rng = np.random.default_rng([number, 0x6D616368])
    variable = bool(rng.random() < _VARIABLE)
    nominal = Machine(
        seed=number,
        shaft_hz=float(rng.uniform(16.0, 50.0)),
        load_swing=0.02,
        unbalance_g=float(np.exp(rng.uniform(np.log(0.02), np.log(0.2)))),
        misalignment_g=float(np.exp(rng.uniform(np.log(0.01), np.log(0.1)))),
        noise_g=float(np.exp(rng.uniform(np.log(0.015), np.log(0.15)))),
        gravity_g=_GRAVITY_G,
    )
    life = live(number, hours, variable_speed=variable)
    return PlantMachine(number, nominal, life, variable, troubles)
