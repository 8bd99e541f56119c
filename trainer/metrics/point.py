"""Metrics that take every row for itself."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainer.metrics.scored import checked


def average_precision(labels: ArrayLike, score: ArrayLike) -> float:
    """Return the area under the precision-recall curve, as a sum of steps.

    Equal scores are one threshold. See ``checked`` for arguments and errors.
    """
    precision, recall, _ = _curve(*checked(labels, score))
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def best_f1(labels: ArrayLike, score: ArrayLike) -> tuple[float, float]:
    """Return the largest F1 of any threshold and that threshold.

    It is chosen by the labels, an oracle: no detector knows it. Rows of at least the threshold are
    detections. See ``checked`` for arguments and errors.
    """
    precision, recall, thresholds = _curve(*checked(labels, score))
    found = 2.0 * precision * recall / np.maximum(precision + recall, 1e-300)
    best = int(np.argmax(found))
    return float(found[best]), float(thresholds[best])


def _curve(
    labels: NDArray[np.bool_], score: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    hits = np.cumsum(labels[order])[last].astype(np.float64)
    return hits / (last + 1), hits / hits[-1], ranked[last]
