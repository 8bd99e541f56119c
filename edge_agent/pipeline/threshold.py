"""Where normal ends: the number a score is held against, and how healthy scores become it."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.scaler import robust_location_scale

Method = Literal["fixed", "top_percent", "quantile", "mean_sigma", "log_median_sigma"]

_CALIBRATION_POINTS = 257
_TINY = 1e-12


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


def choose_threshold(
    scores: NDArray[np.float64],
    method: Method,
    parameter: float,
    *,
    latest: NDArray[np.float64] | None = None,
    least_margin: float = 0.0,
    widen: float = 1.0,
) -> ThresholdSpec:
    """Choose a threshold from healthy ``scores``, float64 (n,).

    ``top_percent``: the smallest of the top ``parameter`` percent, k = int(n * percent / 100) but
    at least one, as Analytics Zoo's detector takes it. ``quantile``: linear between order
    statistics. ``mean_sigma``: mean + parameter * standard deviation (divisor n).
    ``log_median_sigma``: ln threshold is the median of ln score plus a margin: parameter * robust
    scale but at least ``least_margin``, times ``widen``; for scores whose tail is a product's. The
    median is that of the ``latest`` scores where it is the larger.

    Args:
        scores: smoothed scores of healthy windows that the network was not fitted on.
        method: see above.
        parameter: see above.
        latest: scores of windows that the network was not fitted on, for ``log_median_sigma``.
        least_margin: see ``log_median_sigma``.
        widen: see ``log_median_sigma``.

    Raises:
        ValueError: no scores, or one that is not finite; a parameter outside its range.
    """
    if method != "fixed" and (len(scores) == 0 or not np.isfinite(scores).all()):
        raise ValueError(f"{len(scores)} healthy scores, allowed: at least one, all finite")
    most = {"top_percent": 100.0, "quantile": 1.0}.get(method, np.inf)
    if not 0.0 <= parameter <= most:
        raise ValueError(f"threshold {method} is {parameter}, allowed: 0 to {most:g}")
    if method == "fixed":
        value = parameter
    elif method == "top_percent":
        k = max(1, int(len(scores) * parameter / 100.0))
        value = float(np.sort(scores)[-k])
    elif method == "quantile":
        value = float(np.quantile(scores, parameter))
    elif method == "mean_sigma":
        value = float(scores.mean() + parameter * scores.std())
    else:
        logs = np.log(np.maximum(scores, _TINY))
        (median,), (scale,) = robust_location_scale(logs[:, None])
        if latest is not None and len(latest):
            median = max(median, np.median(np.log(np.maximum(latest, _TINY))))
        value = float(np.exp(median + max(least_margin, parameter * scale) * widen))
    points = np.linspace(0.0, 1.0, min(_CALIBRATION_POINTS, max(2, len(scores))))
    quantiles = np.quantile(scores, points) if len(scores) else np.zeros(0)
    return ThresholdSpec(
        value=value,
        method=method,
        parameter=parameter,
        calibration=tuple(float(q) for q in quantiles),
        calibration_windows=len(scores),
    )
