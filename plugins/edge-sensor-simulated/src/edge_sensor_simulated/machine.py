"""The machine whose vibration is simulated."""

from typing import Annotated

import msgspec

from edge_sensor_simulated.bearing import Bearing
from edge_sensor_simulated.defect import Defect

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
HIGHEST_RESONANCE_HZ = 3200.0
RESONANCE_PER_RATE = 0.36


class Machine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A shaft in a bearing under load; ``vibration.simulate`` says what becomes of the numbers.

    Attributes:
        shaft_hz: turns per second.
        load: radial load relative to the nominal one.
        load_swing: relative size of a slow swing of the load.
        load_swing_s: period of that swing.
        unbalance_g: peak of the vibration at the shaft's rate.
        misalignment_g: peak of the vibration at twice the shaft's rate.
        noise_g: rms of the broadband noise of the running machine under nominal load.
        floor_g: rms of the sensor's own noise, always there.
        gravity_g: constant part of every channel.
        bearing: its geometry.
        defect: its damage.
        resonance_hz: what the impulses ring; None for 0.36 of the sampling rate, at most 3200.
        damping: damping ratio of that resonance.
        slip: standard deviation of an impulse's place, in spacings between impulses.
        idle: simulated times [from, to] in seconds during which the machine stands still.
        seed: another seed gives other noise and the same machine.
    """

    shaft_hz: Positive = 29.95
    load: NotNegative = 1.0
    load_swing: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.05
    load_swing_s: Positive = 900.0
    unbalance_g: NotNegative = 0.05
    misalignment_g: NotNegative = 0.02
    noise_g: NotNegative = 0.03
    floor_g: NotNegative = 0.002
    gravity_g: float = 0.0
    bearing: Bearing = Bearing()
    defect: Defect = Defect()
    resonance_hz: Positive | None = None
    damping: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.05
    slip: Annotated[float, msgspec.Meta(ge=0, le=0.2)] = 0.01
    idle: tuple[tuple[float, float], ...] = ()
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 0

    def __post_init__(self) -> None:
        """Refuse idle times that end before they begin. Raises ValueError."""
        for begin_s, end_s in self.idle:
            if not begin_s < end_s:
                raise ValueError(f"idle holds [{begin_s}, {end_s}], allowed: [from, later]")

    def ringing_hz(self, rate_hz: float) -> float:
        """Return the resonance for a sampling rate.

        Raises:
            ValueError: it is not below half the sampling rate.
        """
        if self.resonance_hz is None:
            return min(HIGHEST_RESONANCE_HZ, RESONANCE_PER_RATE * rate_hz)
        if self.resonance_hz >= rate_hz / 2:
            raise ValueError(
                f"resonance_hz is {self.resonance_hz:g}, allowed: below half of {rate_hz:g} Hz"
            )
        return self.resonance_hz
