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


def may_be_best(labels: ArrayLike, alarmed: ArrayLike) -> bool:
    """Whether these alarms may stand for the best threshold: they do not cover everything.

    One alarm over all rows would touch every event and be no false one, so no more healthy rows
    may have an open alarm than labelled ones exist.
    """
    truth, flags = np.asarray(labels).astype(np.bool_), np.asarray(alarmed).astype(np.bool_)
    return bool((flags & ~truth).sum() <= truth.sum())


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
