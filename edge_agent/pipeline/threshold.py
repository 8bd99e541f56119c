"""Where normal ends: the number that a score is held against."""

from typing import Literal

import msgspec
import numpy as np

Method = Literal["fixed", "top_percent", "quantile", "mean_sigma", "log_median_sigma", "budget"]


class ThresholdSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The threshold and where it comes from.

    Attributes:
        value: the threshold of the smoothed score, above 0.
        method: how it was chosen.
        parameter: of the method: the value, the percent, the quantile or the number of sigmas.
        calibration: evenly spaced quantiles of the healthy scores it was chosen from, from the
            smallest to the largest; lets a threshold be chosen again without the recording.
        calibration_windows: how many scores these quantiles stand for.
    """

    value: float
    method: Method
    parameter: float
    calibration: tuple[float, ...] = ()
    calibration_windows: int = 0

    def __post_init__(self) -> None:
        """Refuse thresholds no score can be divided by. Raises ValueError."""
        if not (np.isfinite(self.value) and self.value > 0.0):
            raise ValueError(f"threshold.value is {self.value}, allowed: a finite number above 0")

    def ratio(self, score: float) -> float:
        """Return ``score`` in thresholds: above 1 is abnormal, and what alarm rules count."""
        return score / self.value
