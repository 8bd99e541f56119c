"""Volume under the precision-recall and ROC surfaces of threshold and tolerance.

J. Paparrizos, P. Boniol, T. Palpanas, R. S. Tsay, A. Elmore, M. J. Franklin, "Volume Under the
Surface: A New Accuracy Evaluation Measure for Time-Series Anomaly Detection", PVLDB 15(11), 2022.
For each buffer of 0, 1, ... rows the labels are extended on both sides of every event by half the
buffer, with weights that fall with the root of the distance; precision and recall are taken at 250
thresholds, and the area under their curve is averaged over the buffers.

The 2022 text leaves choices open; these are those of the TSB-AD benchmark (Liu and Paparrizos,
"The Elephant in the Room", NeurIPS 2024), whose published figures are to be compared with: only
those rows of an extension count as labelled that were predicted, precision is not averaged between
two thresholds, and recall is multiplied by the share of events (those joined whose extensions
touch) in which there is a prediction.
"""

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainer.metrics.scored import checked, runs

DEFAULT_BUFFER = 125  # rows; what TSB-AD takes where a series shows no period of its own
_THRESHOLDS = 250


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """The two volumes, between 0 and 1.

    Attributes:
        pr: under the precision-recall surface, VUS-PR.
        roc: under the surface of true against false positive rate, VUS-ROC.
    """

    pr: float
    roc: float


def volume_under_surface(
    labels: ArrayLike, score: ArrayLike, buffer: int = DEFAULT_BUFFER
) -> Volume:
    """Return VUS-PR and VUS-ROC.

    Args:
        labels: 0 or 1, (n,); a run of 1 is one event.
        score: any scale, larger is more anomalous, (n,); only the order matters, and a row without
            a score (NaN) ranks last.
        buffer: the largest tolerance, in rows; the period of the series where it has one.

    Raises:
        MetricError: lengths differ, or the labels are all alike.
    """
    truth, values = checked(labels, score)
    surface = _Surface(truth, values)
    pr, roc = np.mean([surface.areas(size) for size in range(buffer + 1)], axis=0)
    return Volume(pr=float(pr), roc=float(roc))


class _Surface:
    """What all buffers share: the order of the rows, as the thresholds see it."""

    def __init__(self, truth: NDArray[np.bool_], score: NDArray[np.float64]) -> None:
        self.truth = truth
        self.events = runs(truth)
        ranked = np.sort(score)[::-1]
        thresholds = ranked[np.linspace(0, len(score) - 1, _THRESHOLDS).astype(np.intp)]
        # the number of the first threshold at which a row is a prediction
        self.since = np.searchsorted(-thresholds, -score, side="left")
        self.predicted = self._total(np.ones(len(score)), slice(None))
        self.inside = self._total(np.ones(len(score)), truth)

    def areas(self, buffer: int) -> tuple[float, float]:
        """Return the areas under precision over recall and under the ROC curve."""
        reach = buffer // 2
        weights = self._weights(buffer, reach)
        around = self._total(weights, weights > 0.0)
        hits = self.inside + around
        positives = self.truth.sum() + around / 2.0
        recall = np.minimum(hits / positives, 1.0) * self._existence(reach)
        false = (self.predicted - hits) / (len(self.truth) - positives)
        pr = np.sum(np.diff(recall, prepend=0.0) * hits / self.predicted)
        rates = np.concatenate(([0.0], false, [1.0])), np.concatenate(([0.0], recall, [1.0]))
        roc = np.sum(np.diff(rates[0]) * (rates[1][1:] + rates[1][:-1]) / 2.0)
        return float(pr), float(roc)

    def _total(
        self, weights: NDArray[np.float64], rows: NDArray[np.bool_] | slice
    ) -> NDArray[np.float64]:
        """Add up the weights of the predicted ``rows`` at each threshold, float64 (250,)."""
        counts = np.bincount(self.since[rows], weights[rows], minlength=_THRESHOLDS)
        return np.cumsum(counts)

    def _weights(self, buffer: int, reach: int) -> NDArray[np.float64]:
        """Return the weights of the rows around the events; 0 within and far from them."""
        weights = np.zeros(len(self.truth))
        if reach == 0:
            return weights
        fall = np.sqrt(1.0 - np.arange(1, reach + 1) / buffer)
        for first, stop in self.events:
            after = weights[stop : stop + reach]
            after += fall[: len(after)]
            before = weights[max(0, first - reach) : first]
            before += fall[: len(before)][::-1]
        weights[self.truth] = 0.0
        return np.minimum(weights, 1.0)

    def _existence(self, reach: int) -> NDArray[np.float64]:
        """Return the share of events, extended and joined, with a prediction, float64 (250,)."""
        first, stop = self.events[:, 0] - reach, self.events[:, 1] + reach
        apart = stop[:-1] <= first[1:]
        opens = np.maximum(first[np.append(True, apart)], 0)
        closes = stop[np.append(apart, True)]
        earliest = [self.since[a:b].min() for a, b in zip(opens, closes, strict=True)]
        return np.cumsum(np.bincount(earliest, minlength=_THRESHOLDS)) / len(earliest)
