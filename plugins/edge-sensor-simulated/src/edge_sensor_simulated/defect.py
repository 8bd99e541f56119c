"""A spall that starts small at some time and grows."""

from typing import Annotated, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_sensor_simulated.bearing import Bearing

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Defect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the bearing is damaged, from when on, and how fast it gets worse.

    Attributes:
        kind: the damaged part; ``none`` for a healthy bearing.
        onset_s: simulated time at which the first impulses come.
        start_g: peak of an impulse at onset, under full load.
        doubling_s: simulated time in which the impulses double; None for a defect that stays.
        limit_g: peak at which the growth ends.
    """

    kind: Literal["none", "outer", "inner", "ball"] = "none"
    onset_s: float = 0.0
    start_g: Positive = 0.05
    doubling_s: Positive | None = None
    limit_g: Positive = 20.0

    def amplitude_g(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the peak of an impulse at each time, 0 before onset, float64 as ``time_s``."""
        age_s = np.maximum(time_s - self.onset_s, 0.0)
        doublings = age_s / self.doubling_s if self.doubling_s is not None else np.zeros_like(age_s)
        # The exponent is limited before the power is taken, so that old defects do not overflow.
        most = max(np.log2(self.limit_g / self.start_g), 0.0)
        grown = self.start_g * np.exp2(np.minimum(doublings, most))
        amplitude: NDArray[np.float64] = np.where(time_s >= self.onset_s, grown, 0.0)
        return amplitude

    def impulse_order(self, bearing: Bearing) -> float:
        """Return the impulses per turn of the shaft; 0 without a defect."""
        return {
            "none": 0.0,
            "outer": bearing.bpfo_order,
            "inner": bearing.bpfi_order,
            "ball": 2 * bearing.bsf_order,  # the spot strikes both rings in each turn of the ball
        }[self.kind]

    def travel_order(self, bearing: Bearing) -> float:
        """Return how often the spot passes the load zone per turn; 0 where it stays inside."""
        return {"none": 0.0, "outer": 0.0, "inner": 1.0, "ball": bearing.ftf_order}[self.kind]
