"""Peaks over threshold: a tail is fitted to healthy scores' clusters and extended to what is rare.

Pickands 1975; as a threshold for anomaly scores Siffer et al. 2017 (KDD, SPOT), equation (1):
P(score > z) = (N / n) (1 + shape (z - level) / scale)^(-1 / shape) for N peaks of n scores. Here
N counts clusters, as neighbouring scores are one another's copies.
"""

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.goodness import goodness_of_fit
from edge_agent.calibration.pareto import Pareto, fit_pareto
from edge_agent.pipeline.threshold import TailSpec

_LEVEL = 0.98  # quantile above which the tail begins, where there are scores enough
_LEAST_EXCEEDING = 40.0
_MOST_SHARE = 0.2
_RUN = 10  # scores below the level that end a cluster


def fit_peaks(scores: NDArray[np.float64]) -> TailSpec:
    """Return the tail of ``scores``, float64 (n,), in the order in which they came.

    Raises:
        ValueError: fewer than two clusters of scores above the level.
    """
    share = min(_MOST_SHARE, max(1.0 - _LEVEL, _LEAST_EXCEEDING / len(scores)))
    level = float(np.quantile(scores, 1.0 - share))
    peaks = _cluster_peaks(scores, level)
    fitted = fit_pareto(peaks - level)
    found = goodness_of_fit(peaks - level, fitted)
    return TailSpec(
        level=level,
        shape=fitted.shape,
        scale=fitted.scale,
        windows=len(scores),
        peaks=tuple(float(p) for p in np.sort(peaks)),
        cramer_von_mises=found.cramer_von_mises,
        anderson_darling=found.anderson_darling,
        p_below=found.p_below,
    )


def return_level(tail: TailSpec, windows: float) -> float:
    """Return the score that one cluster in ``windows`` windows exceeds; the level at least."""
    expected = windows * len(tail.peaks) / tail.windows
    if expected <= 1.0:
        return tail.level
    above = Pareto(tail.shape, tail.scale).quantile(np.array([1.0 / expected]))
    return tail.level + float(above[0])


def _cluster_peaks(scores: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    above = np.flatnonzero(scores > level)
    if len(above) == 0:
        return np.zeros(0)
    starts = np.flatnonzero(np.diff(above, prepend=-2 * _RUN) > _RUN)
    found: NDArray[np.float64] = np.maximum.reduceat(scores[above], starts)
    return found
