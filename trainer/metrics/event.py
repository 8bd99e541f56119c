"""Event-wise precision, recall and F1: does an alarm touch the anomaly, whatever its length?

The rule of telemanom (Hundman et al., "Detecting Spacecraft Anomalies Using LSTMs and
Nonparametric Dynamic Thresholding", KDD 2018, section 4.2): a labelled event that any predicted
event overlaps is one true positive, one that none does a false negative, and a predicted event
that overlaps no labelled one is a false positive. An alarm that never closes finds everything by
this rule, so the share of alarmed rows belongs beside the figure.
"""

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainer.metrics.scored import checked, f1, runs

_THRESHOLDS = 500  # tried among the largest hundredth of the scores, and as many below it


class EventCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, event by event.

    Attributes:
        found: labelled events that an alarm touched.
        missed: labelled events that none did.
        false_alarms: alarms that touched no labelled event.
        precision: found / (found + false_alarms), 0 where both are 0.
        recall: found / (found + missed).
        f1: their harmonic mean.
        alarmed_share: of all rows, how many had an open alarm.
    """

    found: int
    missed: int
    false_alarms: int
    precision: float
    recall: float
    f1: float
    alarmed_share: float


def event_counts(labels: ArrayLike, alarmed: ArrayLike) -> EventCounts:
    """Count events.

    Args:
        labels: 0 or 1, (n,); a run of 1 is one event.
        alarmed: likewise, of the rows with an open alarm.

    Raises:
        MetricError: lengths differ, or the labels are all alike.
    """
    truth, values = checked(labels, np.asarray(alarmed).astype(np.float64))
    return _counts(runs(truth), values > 0.0, truth)


def best_event_f1(labels: ArrayLike, score: ArrayLike) -> tuple[float, float]:
    """Return the largest event-wise F1 of any threshold and that threshold, an oracle's.

    Rows of at least the threshold are alarms. Quantiles of the scores are tried, half of them
    among the largest hundredth, as long as no more healthy rows alarm than labelled ones exist:
    one alarm over everything would touch every event and be no false alarm.

    See ``checked`` for arguments and errors.
    """
    truth, values = checked(labels, score)
    events = runs(truth)
    ranked = np.sort(values[np.isfinite(values)])[::-1]
    share = np.concatenate(
        (np.linspace(0.0, 0.01, _THRESHOLDS), np.linspace(0.01, 1.0, _THRESHOLDS))
    )
    ranks = (share * max(0, len(ranked) - 1)).astype(np.intp)[: len(ranked)]
    best = (0.0, np.inf)
    for threshold in np.unique(ranked[ranks])[::-1]:
        alarmed = values >= threshold
        if (alarmed & ~truth).sum() > truth.sum():
            break
        found = _counts(events, alarmed, truth).f1
        if found > best[0]:
            best = found, float(threshold)
    return best


def _counts(
    events: NDArray[np.intp], alarmed: NDArray[np.bool_], truth: NDArray[np.bool_]
) -> EventCounts:
    found = _touched(events, alarmed)
    alarms = runs(alarmed)
    false_alarms = len(alarms) - _touched(alarms, truth)
    precision = found / (found + false_alarms) if found + false_alarms else 0.0
    recall = found / len(events)
    return EventCounts(
        found=found,
        missed=len(events) - found,
        false_alarms=false_alarms,
        precision=precision,
        recall=recall,
        f1=f1(precision, recall),
        alarmed_share=float(alarmed.mean()),
    )


def _touched(ranges: NDArray[np.intp], flags: NDArray[np.bool_]) -> int:
    """Count the ``ranges`` that hold a True of ``flags``."""
    before = np.concatenate(([0], np.cumsum(flags)))
    return int((before[ranges[:, 1]] > before[ranges[:, 0]]).sum())
