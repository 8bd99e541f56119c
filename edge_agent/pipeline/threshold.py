"""Where normal ends: the number that a score is held against."""

from collections import deque
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.dynamic import DynamicSpec, dynamic_threshold

Method = Literal[
    "fixed",
    "top_percent",
    "quantile",
    "mean_sigma",
    "log_median_sigma",
    "pot",
    "conformal",
    "dynamic",
    "budget",
    "best_f1",
]


class TailSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The generalised Pareto tail that a ``pot`` threshold was taken from, and how well it fits.

    Attributes:
        level: scores above it are its tail.
        shape: of their excesses; above 0 heavy, below 0 bounded.
        scale: of their excesses, above 0.
        windows: healthy scores in all.
        peaks: the largest score of each cluster above the level, the smallest first.
        cramer_von_mises: W^2 of the excesses.
        anderson_darling: A^2 of the excesses.
        p_below: the larger of the tables' levels that neither statistic exceeds the point of:
            excesses of this distribution fit worse than these with at least this probability.
    """

    level: float
    shape: float
    scale: float
    windows: int
    peaks: tuple[float, ...]
    cramer_von_mises: float
    anderson_darling: float
    p_below: float


class ThresholdSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The threshold and where it comes from.

    Attributes:
        value: the threshold of the smoothed score, above 0.
        method: how it was chosen.
        parameter: of the method: the value, the percent, the quantile, the number of sigmas, the
            probability per window (``pot``) or per block (``conformal``), the largest number of
            sigmas (``dynamic``), false alarms per month (``budget``), the F1 on the labels that
            chose it (``best_f1``: for reproduction only).
        calibration: evenly spaced quantiles of the healthy scores it was chosen from, from the
            smallest to the largest; lets a threshold be chosen again without the recording.
        calibration_windows: how many scores these quantiles stand for.
        tail: of ``pot`` only.
        smallest_p: of ``conformal`` only: 1 / (blocks + 1), the smallest it can tell.
        dynamic: of ``dynamic`` only: ``value`` holds until so many scores have come.
    """

    value: float
    method: Method
    parameter: float
    calibration: tuple[float, ...] = ()
    calibration_windows: int = 0
    tail: TailSpec | None = None
    smallest_p: float | None = None
    dynamic: DynamicSpec | None = None

    def __post_init__(self) -> None:
        """Refuse thresholds no score can be divided by. Raises ValueError."""
        if not (np.isfinite(self.value) and self.value > 0.0):
            raise ValueError(f"threshold.value is {self.value}, allowed: a finite number above 0")
        if (self.method == "dynamic") != (self.dynamic is not None):
            raise ValueError("threshold.dynamic goes with the method dynamic, and with it alone")


class Threshold:
    """The threshold at work; only a dynamic one changes."""

    def __init__(self, spec: ThresholdSpec) -> None:
        """Begin with the value of ``spec``."""
        self._dynamic = spec.dynamic
        length = 0 if spec.dynamic is None else spec.dynamic.length
        self._scores: deque[float] = deque(maxlen=length)
        self._since = 0
        self.value = spec.value

    def push(self, score: float) -> float:
        """Return ``score`` in thresholds: above 1 is abnormal, and what alarm rules count."""
        if self._dynamic is not None:
            self._follow(score, self._dynamic)
        return score / self.value

    def state(self) -> NDArray[np.float64]:
        """Return what is remembered, float64 (n,); empty for one that does not change."""
        if self._dynamic is None:
            return np.zeros(0)
        return np.array([self.value, self._since, *self._scores])

    def restore(self, state: NDArray[np.floating[Any]]) -> None:
        """Go on from a saved state, bit for bit.

        Raises:
            ValueError: the state is of another kind of threshold.
        """
        if self._dynamic is None and state.size == 0:
            return
        most = 0 if self._dynamic is None else 2 + self._dynamic.length
        if state.ndim != 1 or state.dtype != np.float64 or not 2 <= state.size <= most:  # noqa: PLR2004
            raise ValueError(
                f"state of another bundle: the threshold's is {state.dtype} of the shape"
                f" {state.shape}, allowed: float64 of at most {most} numbers"
            )
        value, since, *scores = state.tolist()
        if not value > 0.0:
            raise ValueError(f"the threshold's state holds {value}, allowed: above 0")
        self.value, self._since = value, int(since)
        self._scores.clear()
        self._scores.extend(scores)

    def _follow(self, score: float, spec: DynamicSpec) -> None:
        self._scores.append(score)
        self._since += 1
        if self._since >= spec.every:
            self._since = 0
            found = dynamic_threshold(np.array(self._scores), spec)
            self.value = found if found > 0.0 else self.value
