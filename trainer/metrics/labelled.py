"""All figures of one detector on a labelled recording."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.metrics.event import EventCounts, best_event_f1, event_counts
from trainer.metrics.nab import best_nab_score, nab_score, probation_rows
from trainer.metrics.point import average_precision, best_f1
from trainer.metrics.point_adjust import point_adjusted_f1
from trainer.metrics.scored import f1, runs
from trainer.metrics.vus import DEFAULT_BUFFER, volume_under_surface


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """How well scores and alarms agree with labels.

    What is called best was taken at the threshold that suits the labels best: an oracle's, for
    comparison only.

    Attributes:
        vus_pr: volume under the precision-recall surface; needs no threshold.
        vus_roc: volume under the ROC surface.
        average_precision: area under the precision-recall curve, row by row.
        event: precision, recall and F1 of the alarms, event by event.
        best_event_f1: of any threshold.
        oracle_gap: what the detector's own threshold lost, ``best_event_f1`` less ``event.f1``;
            negative where its alarm rule does better than any bare threshold.
        point_f1: F1 of the rows with an open alarm.
        best_point_f1: of any threshold.
        nab: NAB score, each opening of an alarm a detection; None where a labelled event lies in
            the probationary period.
        nab_rows: likewise, each row over the detector's own threshold a detection, as NAB counts.
        best_nab_rows: likewise, of any threshold.
        point_adjusted_f1: for reproduction only, also an oracle's; see ``point_adjust``.
    """

    vus_pr: float
    vus_roc: float
    average_precision: float
    event: EventCounts
    best_event_f1: float
    oracle_gap: float
    point_f1: float
    best_point_f1: float
    nab: float | None
    nab_rows: float | None
    best_nab_rows: float | None
    point_adjusted_f1: float


def against_labels(
    labels: NDArray[np.bool_],
    ratios: NDArray[np.float64],
    alarmed: NDArray[np.bool_],
    buffer: int = DEFAULT_BUFFER,
) -> Labelled:
    """Return all figures.

    Args:
        labels: (n,).
        ratios: score / threshold, so that a row is over the detector's threshold above 1, (n,);
            NaN where a row was not scored.
        alarmed: rows with an open alarm, (n,).
        buffer: tolerance of VUS, in rows.

    Raises:
        MetricError: lengths differ, or the labels are all alike.
    """
    volume = volume_under_surface(labels, ratios, buffer)
    event = event_counts(labels, alarmed)
    best_event, _ = best_event_f1(labels, ratios)
    hits = int((alarmed & labels).sum())
    windows = [(int(first), int(stop)) for first, stop in runs(labels)]
    nab = nab_rows = best_nab_rows = None
    if windows[0][0] >= probation_rows(len(labels)):
        opened = np.zeros(len(labels), dtype=np.bool_)
        opened[runs(alarmed)[:, 0]] = True
        nab, nab_rows = nab_score(opened, windows), nab_score(ratios > 1.0, windows)
        best_nab_rows, _ = best_nab_score(ratios, windows)
    return Labelled(
        vus_pr=volume.pr,
        vus_roc=volume.roc,
        average_precision=average_precision(labels, ratios),
        event=event,
        best_event_f1=best_event,
        oracle_gap=best_event - event.f1,
        point_f1=f1(hits / max(1, int(alarmed.sum())), hits / int(labels.sum())),
        best_point_f1=best_f1(labels, ratios)[0],
        nab=nab,
        nab_rows=nab_rows,
        best_nab_rows=best_nab_rows,
        point_adjusted_f1=point_adjusted_f1(labels, ratios),
    )
