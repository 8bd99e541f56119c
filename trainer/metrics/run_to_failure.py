"""Recordings that end with a failure: how early, and at the price of how many false alarms.

A first prediction time (FPT) comes from a rule on rms or kurtosis itself (Li et al. 2019), so an
alarm before it is no proof of foresight: the delay to it is a figure, and lead is to be read off a
curve against false alarms.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.metrics.healthy import healthy_span_ns, is_false
from trainer.metrics.scored import runs
from trainer.metrics.sweep import FACTORS, Ratios, alarmed_at

EDGE = 20  # windows after the begin of scoring or the end of the healthy part; the longest washout
_NS_PER_HOUR = 3600.0 * 10**9
_NS_PER_DAY = 24.0 * _NS_PER_HOUR


class Lead(msgspec.Struct, frozen=True, kw_only=True):
    """When a detector saw the failure coming, and whether that is to be believed.

    Attributes:
        first_alarm: window of the first alarm after the healthy part, None where there is none.
        lead_windows: from there to the last window of the recording.
        lead_hours: likewise, in hours.
        delay_to_fpt: windows from the first prediction time to the first alarm, negative where
            the alarm is earlier; None where no first prediction time was given, or no alarm came.
        counts: whether the lead does.
        problem: why it does not, None where it does.
    """

    first_alarm: int | None
    lead_windows: int | None
    lead_hours: float | None
    delay_to_fpt: int | None
    counts: bool
    problem: str | None


class CurvePoint(msgspec.Struct, frozen=True, kw_only=True):
    """Lead against false alarms at one threshold.

    Attributes:
        factor: of the detector's own threshold.
        alarms_in_healthy: that opened in the healthy part.
        alarms_per_healthy_day: likewise; None where the recording states no times.
        first_alarm: see Lead.
        lead_windows: see Lead.
        lead_hours: see Lead.
        counts: see Lead.
    """

    factor: float
    alarms_in_healthy: int
    alarms_per_healthy_day: float | None
    first_alarm: int | None
    lead_windows: int | None
    lead_hours: float | None
    counts: bool


@dataclass(frozen=True, slots=True)
class Course:
    """The recording that alarms are held against.

    Attributes:
        start_ns: int64 (n,), begin of each window.
        end_ns: int64 (n,).
        healthy: windows [first, last) that are known to be healthy.
        scored_from: the first window that was scored.
        fpt: window of the first prediction time.
        confirmed: which windows are of confirmed faults, and no part of the healthy ones, bool
            (n,); None where nothing tells.
    """

    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    healthy: tuple[int, int]
    scored_from: int = 0
    fpt: int | None = None
    confirmed: NDArray[np.bool_] | None = None

    @property
    def healthy_days(self) -> float | None:
        """Length of the healthy part, None where the recording states no times."""
        span_ns = healthy_span_ns(self.start_ns, self.end_ns, self.healthy, self.confirmed)
        return span_ns / _NS_PER_DAY if span_ns > 0 else None


def lead(alarms: Sequence[tuple[int, int | None]], course: Course) -> Lead:
    """Say when the first alarm after the healthy part came.

    A lead counts only if no alarm opened within the healthy part or before it, nor within ``EDGE``
    windows of its end or of the begin of scoring: there it tells of limits drawn too tightly or of
    a detector still warming up.

    Args:
        alarms: windows [opened, closed), in order; closed is None where it never did.
        course: of the recording.
    """
    last, windows = course.healthy[1], len(course.end_ns)
    late = [max(a, last) for a, b in alarms if b is None or b > last]
    first = min((a for a in late if a < windows), default=None)  # nothing may come after
    problem = _problem(alarms, course)
    if first is None:
        return Lead(
            first_alarm=None,
            lead_windows=None,
            lead_hours=None,
            delay_to_fpt=None,
            counts=False,
            problem=problem or "no alarm after the healthy part",
        )
    span_ns = int(course.end_ns[-1] - course.end_ns[first])
    return Lead(
        first_alarm=first,
        lead_windows=windows - 1 - first,
        lead_hours=span_ns / _NS_PER_HOUR if course.healthy_days is not None else None,
        delay_to_fpt=None if course.fpt is None else first - course.fpt,
        counts=problem is None,
        problem=problem,
    )


def lead_curve(
    detectors: Sequence[Ratios], course: Course, factors: Sequence[float] = FACTORS
) -> tuple[CurvePoint, ...]:
    """Return lead and false alarms with every threshold multiplied by each of ``factors``.

    Args:
        detectors: of one asset; an alarm is open while that of any is, as on the gateway.
        course: of the recording.
        factors: above 0.
    """
    points = []
    for factor in factors:
        is_open = alarmed_at(detectors, factor)
        alarms = [(int(a), None if b == len(is_open) else int(b)) for a, b in runs(is_open)]
        found = lead(alarms, course)
        inside = sum(is_false(a, b, course.healthy, course.confirmed) for a, b in alarms)
        days = course.healthy_days
        points.append(
            CurvePoint(
                factor=factor,
                alarms_in_healthy=inside,
                alarms_per_healthy_day=None if days is None else inside / days,
                first_alarm=found.first_alarm,
                lead_windows=found.lead_windows,
                lead_hours=found.lead_hours,
                counts=found.counts,
            )
        )
    return tuple(points)


def _problem(alarms: Sequence[tuple[int, int | None]], course: Course) -> str | None:
    first, last = course.healthy
    for window, closed in alarms:
        if first <= window < last:
            if not is_false(window, closed, course.healthy, course.confirmed):
                continue
            return f"an alarm in the healthy part, window {window}"
        if window < max(first, course.scored_from + EDGE):
            return f"an alarm before the healthy part or on the edge of warm-up, window {window}"
        if last <= window < last + EDGE:
            return f"an alarm on the edge of the healthy part, window {window}"
    return None
