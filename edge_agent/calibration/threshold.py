"""How healthy scores become a threshold."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.peaks import fit_peaks, return_level
from edge_agent.calibration.scaler import robust_location_scale
from edge_agent.pipeline.dynamic import DynamicSpec, dynamic_threshold
from edge_agent.pipeline.threshold import Method, ThresholdSpec

_CALIBRATION_POINTS = 257
_TINY = 1e-12
_SHARES = ("quantile", "pot", "conformal")
_PLAIN: dict[Method, Callable[[NDArray[np.float64], float], float | np.floating[Any]]] = {
    "fixed": lambda _, value: value,
    "top_percent": lambda scores, percent: np.sort(scores)[
        -max(1, int(len(scores) * percent / 100.0))
    ],
    "quantile": lambda scores, share: float(np.quantile(scores, share)),
    "mean_sigma": lambda scores, sigmas: scores.mean() + sigmas * scores.std(),
}


def choose_threshold(
    scores: NDArray[np.float64],
    method: Method,
    parameter: float,
    *,
    latest: NDArray[np.float64] | None = None,
    least_margin: float = 0.0,
    widen: float = 1.0,
    block: int = 1,
    dynamic: DynamicSpec | None = None,
) -> ThresholdSpec:
    """Choose a threshold from healthy ``scores``, float64 (n,), in the order in which they came.

    ``top_percent``: the smallest of the top ``parameter`` percent, k = int(n * percent / 100) but
    at least one, as Analytics Zoo's detector takes it. ``quantile``: linear between order
    statistics. ``mean_sigma``: mean + parameter * standard deviation (divisor n).
    ``log_median_sigma``: ln threshold is the median of ln score plus a margin: parameter * robust
    scale but at least ``least_margin``, times ``widen``; for scores whose tail is a product's. The
    median is that of the ``latest`` scores where it is the larger. ``pot``: what a window exceeds
    with probability ``parameter``, see peaks. ``conformal``: p = (1 + #{maxima >= s}) / (m + 1)
    over the maxima of m blocks of ``block`` scores is at most ``parameter`` above it (Vovk et al.
    2005); exchangeable blocks exceed it no more often. ``dynamic``: what the last of them give.

    Args:
        scores: smoothed scores of healthy windows that the network was not fitted on.
        method: see above.
        parameter: see above.
        latest: scores of windows that the network was not fitted on, for ``log_median_sigma``.
        least_margin: see ``log_median_sigma``.
        widen: see ``log_median_sigma``.
        block: see ``conformal``.
        dynamic: see pipeline.dynamic; None: as published.

    Raises:
        ValueError: no scores, or one that is not finite; a parameter outside its range, or, for
            ``conformal``, below the smallest p that so many blocks can tell.
    """
    _require_sound(scores, method, parameter)
    tail, smallest_p, how = None, None, None
    if method in _PLAIN:
        value = float(_PLAIN[method](scores, parameter))
    elif method == "log_median_sigma":
        value = _log_median_sigma(scores, parameter, latest, least_margin, widen)
    elif method == "pot":
        tail = fit_peaks(scores)
        value = return_level(tail, 1.0 / max(parameter, _TINY))
    elif method == "conformal":
        value, smallest_p = _conformal(scores, parameter, block)
    else:
        how = dynamic or DynamicSpec()
        value = dynamic_threshold(scores[-how.length :], how)
    points = np.linspace(0.0, 1.0, min(_CALIBRATION_POINTS, max(2, len(scores))))
    quantiles = np.quantile(scores, points) if len(scores) else np.zeros(0)
    return ThresholdSpec(
        value=value,
        method=method,
        parameter=parameter,
        calibration=tuple(float(q) for q in quantiles),
        calibration_windows=len(scores),
        tail=tail,
        smallest_p=smallest_p,
        dynamic=how,
    )


def _require_sound(scores: NDArray[np.float64], method: Method, parameter: float) -> None:
    if method == "budget":
        raise ValueError("threshold budget comes of a false-alarm budget, allowed: another method")
    if method == "best_f1":
        raise ValueError(
            "threshold best_f1 comes of labels, which healthy windows do not have, allowed: another"
            " method, and published.threshold_by_labels to repeat a publication"
        )
    if method != "fixed" and (len(scores) == 0 or not np.isfinite(scores).all()):
        raise ValueError(f"{len(scores)} healthy scores, allowed: at least one, all finite")
    most = 1.0 if method in _SHARES else 100.0 if method == "top_percent" else np.inf
    if not 0.0 <= parameter <= most:
        raise ValueError(f"threshold {method} is {parameter}, allowed: 0 to {most:g}")


def _log_median_sigma(
    scores: NDArray[np.float64],
    sigmas: float,
    latest: NDArray[np.float64] | None,
    least_margin: float,
    widen: float,
) -> float:
    logs = np.log(np.maximum(scores, _TINY))
    (median,), (scale,) = robust_location_scale(logs[:, None])
    if latest is not None and len(latest):
        median = max(median, np.median(np.log(np.maximum(latest, _TINY))))
    return float(np.exp(median + max(least_margin, sigmas * scale) * widen))


def _conformal(scores: NDArray[np.float64], p: float, block: int) -> tuple[float, float]:
    """Return the threshold and the smallest p, from whole blocks, the latest ones."""
    if block < 1:
        raise ValueError(f"threshold block is {block}, allowed: 1 or more")
    count = len(scores) // block
    smallest = 1.0 / (count + 1.0)
    rank = int(p * (count + 1.0) + 1e-9)
    if rank < 1:
        raise ValueError(
            f"threshold conformal is {p}, allowed: {smallest:.3g} or more, which is the smallest p"
            f" that {count} blocks of {block} scores can tell"
        )
    maxima = np.sort(scores[len(scores) - count * block :].reshape(count, block).max(axis=1))
    return float(maxima[max(0, count - rank)]), smallest
