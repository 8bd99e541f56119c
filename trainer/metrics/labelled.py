"""All figures of one detector on a labelled recording."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.metrics.event import EventCounts, event_counts, may_be_best
from trainer.metrics.nab import best_nab_score, nab_score, probation_rows
from trainer.metrics.point import average_precision, best_f1
from trainer.metrics.point_adjust import point_adjusted_f1
from trainer.metrics.scored import f1, runs
from trainer.metrics.sweep import FACTORS, Ratios, alarmed_at, largest
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
        best_event_f1: of the detector's own threshold times any of ``FACTORS``, its alarm rule
            kept; see ``may_be_best``.
        oracle_gap: what the detector's own threshold lost, ``best_event_f1`` less ``event.f1``;
            negative only where its own alarms cover too much to stand for the best.
        point_f1: F1 of the rows with an open alarm.
        best_point_f1: of any threshold.
        nab: NAB score, each opening of an alarm a detection; None where a labelled event lies in
            the probationary period.
        best_nab: likewise, of its own threshold times any of ``FACTORS``.
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
    best_nab: float | None
    nab_rows: float | None
    best_nab_rows: float | None
    point_adjusted_f1: float


def against_labels(
    labels: NDArray[np.bool_],
    detectors: Sequence[Ratios],
    alarmed: NDArray[np.bool_],
    buffer: int = DEFAULT_BUFFER,
) -> Labelled:
    """Return all figures.

    Args:
        labels: (n,).
        detectors: the parts of the detector; its score is the largest score / threshold of any.
        alarmed: rows with an open alarm, (n,).
        buffer: tolerance of VUS, in rows.

    Raises:
        MetricError: lengths differ, or the labels are all alike.
    """
    ratios = largest(detectors)
    volume = volume_under_surface(labels, ratios, buffer)
    event = event_counts(labels, alarmed)
    swept = [alarmed_at(detectors, factor) for factor in FACTORS]
    best_event = max(
        (event_counts(labels, flags).f1 for flags in swept if may_be_best(labels, flags)),
        default=0.0,
    )
    hits = int((alarmed & labels).sum())
    nab = best_nab = nab_rows = best_nab_rows = None
    windows = [(int(first), int(stop)) for first, stop in runs(labels)]
    if windows[0][0] >= probation_rows(len(labels)):
        nab = nab_score(_openings(alarmed), windows)
        best_nab = max(nab_score(_openings(flags), windows) for flags in swept)
        nab_rows = nab_score(ratios > 1.0, windows)
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
        best_nab=best_nab,
        nab_rows=nab_rows,
        best_nab_rows=best_nab_rows,
        point_adjusted_f1=point_adjusted_f1(labels, ratios),
    )


def _openings(alarmed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    opened = np.zeros(len(alarmed), dtype=np.bool_)
    opened[runs(alarmed)[:, 0]] = True
    return opened
