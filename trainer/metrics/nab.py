"""The score of the Numenta Anomaly Benchmark, standard profile.

A. Lavin, S. Ahmad, "Evaluating Real-time Anomaly Detection Algorithms - the Numenta Anomaly
Benchmark", ICMLA 2015. A detection within a window earns more the earlier it comes, only the
earliest in each window counts; one outside costs more the further it is behind the window before
it; a missed window costs one. Detections in the probationary period count for nothing. The score
is 100 for a perfect detector and 0 for one that never detects.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainer.metrics.scored import MetricError

Window = tuple[int, int]  # rows [first, stop)

_FALSE_POSITIVE_COST = 0.11
_MISS_COST = 1.0
_STEEPNESS = 5.0
_FAR_BEHIND = 3.0  # window lengths behind a window, where a detection costs in full
_PROBATION_SHARE, _PROBATION_ROWS = 0.15, 5000


def probation_rows(rows: int) -> int:
    """Return how many of the first rows count for nothing: 15 % of them, of 5000 at most."""
    return int(_PROBATION_SHARE * min(rows, _PROBATION_ROWS))


def nab_score(detections: ArrayLike, windows: Sequence[Window]) -> float:
    """Return the normalised score, at most 100; negative where silence would have been better.

    Args:
        detections: true in each row that is reported, (n,); an alarm that stays open over many
            rows is one detection if only its first row is true, and many otherwise.
        windows: rows [first, stop) of each labelled window, in order, not overlapping.

    Raises:
        MetricError: no windows, or one outside the rows or not after the one before.
    """
    found = np.asarray(detections).astype(np.bool_)
    worth, number = _worth(len(found), windows)
    return _normalised(found, worth, number, len(windows))


def best_nab_score(
    score: ArrayLike, windows: Sequence[Window], thresholds: int = 1000
) -> tuple[float, float]:
    """Return the best normalised score of any threshold and that threshold, an oracle's.

    Every row of at least the threshold is a detection, as NAB counts them.

    Args:
        score: any scale, (n,); NaN where a row was not scored.
        windows: see ``nab_score``.
        thresholds: how many of the largest scores after the probation are tried, evenly in rank
            on a logarithmic scale.

    Raises:
        MetricError: see ``nab_score``.
    """
    values = np.asarray(score, dtype=np.float64)
    worth, number = _worth(len(values), windows)
    seen = values[probation_rows(len(values)) :]
    ranked = np.sort(seen[~np.isnan(seen)])[::-1]
    best = (_normalised(np.zeros(len(values), np.bool_), worth, number, len(windows)), np.inf)
    ranks = np.unique(np.geomspace(1, max(1, len(ranked)), thresholds).astype(np.intp)) - 1
    for threshold in np.unique(ranked[ranks[ranks < len(ranked)]])[::-1]:
        found = _normalised(values >= threshold, worth, number, len(windows))
        if found > best[0]:
            best = found, float(threshold)
    return best


def _worth(rows: int, windows: Sequence[Window]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return what a detection in each row is worth and the row's window, -1 outside of all."""
    worth = np.full(rows, -_FALSE_POSITIVE_COST)
    number = np.full(rows, -1, dtype=np.intp)
    if not windows:
        raise MetricError("no windows found, allowed: at least one")
    behind = 0
    for i, (first, stop) in enumerate(windows):
        if not behind <= first < stop <= rows:
            raise MetricError(
                f"window {i} is rows {first}:{stop}, allowed: within {behind}:{rows} and not empty"
            )
        length = stop - first
        inside = np.arange(-length, 0) / length
        worth[first:stop] = _sigmoid(inside) / _sigmoid(np.array(-1.0))
        number[first:stop] = i
        past = np.arange(1, rows - stop + 1) / max(1, length - 1)
        cost = np.where(past > _FAR_BEHIND, -1.0, _sigmoid(np.minimum(past, _FAR_BEHIND)))
        worth[stop:] = _FALSE_POSITIVE_COST * cost
        behind = stop
    return worth, number


def _sigmoid(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scaled sigmoid: near 1 at a window's begin (-1), 0 at its end (0)."""
    scaled: NDArray[np.float64] = 2.0 / (1.0 + np.exp(_STEEPNESS * position)) - 1.0
    return scaled


def _normalised(
    detections: NDArray[np.bool_],
    worth: NDArray[np.float64],
    number: NDArray[np.intp],
    windows: int,
) -> float:
    rows = np.flatnonzero(detections)
    rows = rows[rows >= probation_rows(len(detections))]
    gains = np.full(windows, -_MISS_COST)
    inside = number[rows] >= 0
    np.maximum.at(gains, number[rows[inside]], worth[rows[inside]])
    raw = gains.sum() + worth[rows[~inside]].sum()
    silent, perfect = -_MISS_COST * windows, float(windows)
    return float(100.0 * (raw - silent) / (perfect - silent))
