"""Figures by which detectors are compared; each takes arrays and knows nothing of where from."""

from trainer.metrics.event import EventCounts, event_counts, may_be_best
from trainer.metrics.healthy import healthy_span_ns, is_false
from trainer.metrics.labelled import Labelled, against_labels
from trainer.metrics.nab import Window as NabWindow
from trainer.metrics.nab import best_nab_score, nab_score, probation_rows
from trainer.metrics.point import average_precision, best_f1
from trainer.metrics.point_adjust import point_adjusted_f1, random_point_adjusted_f1
from trainer.metrics.run_to_failure import Course, CurvePoint, Lead, lead, lead_curve
from trainer.metrics.scored import MetricError, runs
from trainer.metrics.sweep import Ratios, alarmed_at, largest
from trainer.metrics.vus import DEFAULT_BUFFER, Volume, volume_under_surface

__all__ = [
    "DEFAULT_BUFFER",
    "Course",
    "CurvePoint",
    "EventCounts",
    "Labelled",
    "Lead",
    "MetricError",
    "NabWindow",
    "Ratios",
    "Volume",
    "against_labels",
    "alarmed_at",
    "average_precision",
    "best_f1",
    "best_nab_score",
    "event_counts",
    "healthy_span_ns",
    "is_false",
    "largest",
    "lead",
    "lead_curve",
    "may_be_best",
    "nab_score",
    "point_adjusted_f1",
    "probation_rows",
    "random_point_adjusted_f1",
    "runs",
    "volume_under_surface",
]
