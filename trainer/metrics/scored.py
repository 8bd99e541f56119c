"""What every metric asks of labels and scores, and runs of rows that belong together."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


class MetricError(ValueError):
    """The metric does not exist for these labels; the message says what was found and allowed."""


def checked(labels: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return labels and scores that can be compared.

    A row without a score (NaN) cannot be a detection: it ranks below every row that has one.

    Args:
        labels: 0 or 1 (or bool), (n,).
        score: any scale, larger is more anomalous, (n,); NaN where a row was not scored.

    Returns:
        Labels, bool (n,), and scores, float64 (n,), -inf where there was none.

    Raises:
        MetricError: lengths differ, or the labels are all alike.
    """
    truth = np.asarray(labels).astype(np.bool_)
    values = np.asarray(score, dtype=np.float64)
    if truth.shape != values.shape or truth.ndim != 1:
        raise MetricError(
            f"{truth.size} labels for {values.size} scores, allowed: one label for each score"
        )
    if truth.all() or not truth.any():
        raise MetricError(
            f"{int(truth.sum())} of {truth.size} rows are labelled as anomalies, allowed:"
            " at least one, but not all"
        )
    return truth, np.where(np.isnan(values), -np.inf, values)


def runs(flags: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the runs of True in ``flags`` as rows [first, stop), intp (m, 2)."""
    edges = np.diff(np.concatenate(([False], flags, [False])).astype(np.int8))
    return np.stack((np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)), axis=1)


def f1(precision: float, recall: float) -> float:
    """Return the harmonic mean, 0 where both are 0."""
    return 0.0 if precision + recall == 0.0 else 2.0 * precision * recall / (precision + recall)
