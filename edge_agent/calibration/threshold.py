"""How healthy scores become a threshold."""

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.scaler import robust_location_scale
from edge_agent.pipeline.threshold import Method, ThresholdSpec

_CALIBRATION_POINTS = 257
_TINY = 1e-12


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
