"""Point-adjusted F1, for reproduction of published figures only.

It counts every row of a labelled event as found when one of them is, and takes the threshold that
suits the labels best: a random score does well by it (Kim et al., "Towards a Rigorous Evaluation
of Time-series Anomaly Detection", AAAI 2022). It is never shown without that random score's.
"""

import numpy as np
from numpy.typing import ArrayLike

from trainer.metrics.point import best_f1
from trainer.metrics.scored import checked, runs


def point_adjusted_f1(labels: ArrayLike, score: ArrayLike) -> float:
    """Return the point-adjusted F1 at the threshold that suits the labels best.

    See ``checked`` for arguments and errors.
    """
    truth, values = checked(labels, score)
    adjusted = values.copy()
    for first, stop in runs(truth):
        adjusted[first:stop] = values[first:stop].max()
    return best_f1(truth, adjusted)[0]


def random_point_adjusted_f1(labels: ArrayLike, draws: int = 5) -> float:
    """Return what a uniformly random score gets, the median of ``draws`` of them."""
    truth = np.asarray(labels)
    rng = np.random.default_rng(0)
    return float(
        np.median([point_adjusted_f1(truth, rng.random(len(truth))) for _ in range(draws)])
    )
