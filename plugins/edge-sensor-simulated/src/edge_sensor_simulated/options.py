"""What can be set in ``[asset.sensor.options]``."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from edge_sensor_simulated.machine import Machine, NotNegative, Positive


class SimulatedOptions(Machine, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the sensor ``simulated``: those of the machine, and how it is sampled.

    Attributes:
        channels: names.
        rate_hz: samples per second and channel.
        unit: unit of the samples; the machine's numbers stay in g.
        length: samples per block or burst and channel.
        period_s: seconds from burst to burst; None samples without a pause.
        phase_s: simulated time of the first sample. Assets with different phases deliver one
            after the other instead of all at once.
        aligned: simulated time 0 is the last full second of the machine's clock, not the moment of
            opening: so assets stay as far apart as their phases, whenever each was opened.
        speedup: simulated seconds per second; 0 delivers as fast as it goes.
        start: date and time of simulated time 0, with time zone; None for the moment of opening.
        duration_s: simulated time after which there is no more data; None never ends.
        range_g: largest magnitude the sensor can deliver, where it clips; None for no limit.
    """

    channels: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("x",)
    rate_hz: Positive = 4096.0
    unit: Literal["g", "m/s2"] = "g"
    length: Annotated[int, msgspec.Meta(ge=1)] = 4096
    period_s: Positive | None = None
    phase_s: NotNegative = 0.0
    aligned: bool = False
    speedup: NotNegative = 1.0
    start: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    duration_s: Positive | None = None
    range_g: Positive | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself. Raises ValueError."""
        Machine.__post_init__(self)
        self.ringing_hz(self.rate_hz)
        lasting_s = self.length / self.rate_hz
        if self.period_s is not None and self.period_s < lasting_s:
            raise ValueError(
                f"period_s is {self.period_s}, allowed: at least the {lasting_s:g} s of a burst"
            )
        if len(set(self.channels)) != len(self.channels):
            raise ValueError(f"channels is {list(self.channels)}, allowed: different names")
