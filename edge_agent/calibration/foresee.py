"""What healthy windows let be foreseen of events: clusters, how they come, and their tail."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.events import Episode, LaneScores, episodes, joint_margins
from edge_agent.calibration.tail import Tail, fit_tail
from edge_agent.pipeline.budget import DAYS_PER_MONTH

_DAY_S = 86_400.0
_LEVELS = 12  # tried, from the rarest window down to the upper fifth
_RAREST_SHARE = 1e-4
_MOST_SHARE = 0.2
_WANTED = 40  # clusters: fewer tell less of a tail, more are no tail
_LEAST_WANTED = 4
_WINDOWS_PER_CLUSTER = 20
_DAYS_TO_DISPERSE = 5
_MOST_DISPERSION = 5.0
# The healthy level from day to day, in margins, before any day was seen, and how many days' worth
# of evidence that is: a machine of which one day was seen has weekends, weather and other loads.
_PRIOR_SPREAD = 0.25
_PRIOR_DAYS = 2.0
_LEAST_DAYS = 0.05


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A tail and what it was made from.

    Attributes:
        tail: rates by margin.
        days: how long the scored windows are.
        peaks: of the clusters above ``tail.level``, float64 (n,).
    """

    tail: Tail
    days: float
    peaks: NDArray[np.float64]


def foresee(lanes: Sequence[LaneScores], start_ns: NDArray[np.int64], period_s: float) -> Foreseen:
    """Return the tail of healthy windows.

    Args:
        lanes: the detectors' scores of them.
        start_ns: int64 (n,), when each window began.
        period_s: from one window to the next.

    Raises:
        ValueError: too few windows, or nothing among them that stands out.
    """
    margins = joint_margins(lanes)
    scored = np.isfinite(margins)
    days = float(scored.sum()) * period_s / _DAY_S
    level, found = _clusters(lanes, margins[scored])
    peaks = np.array([episode.peak for episode in found])
    day = ((start_ns - start_ns[:1]) / (_DAY_S * 1e9)).astype(np.intp)
    spread, freedom = _spread(margins[scored], day[scored], days)
    tail = fit_tail(
        peaks,
        level,
        days / DAYS_PER_MONTH,
        dispersion=_dispersion(day[scored], day[[episode.first for episode in found]]),
        spread=spread,
        freedom=freedom,
    )
    return Foreseen(tail, days, peaks)


def _clusters(
    lanes: Sequence[LaneScores], margins: NDArray[np.float64]
) -> tuple[float, list[Episode]]:
    """Return the highest level with clusters enough above it, else that with most, and these.

    Alarms close as they do at margin 1: the closing level of a low one would join what is apart.
    """
    wanted = min(_WANTED, max(_LEAST_WANTED, len(margins) // _WINDOWS_PER_CLUSTER))
    best: tuple[float, list[Episode]] = (0.0, [])
    for share in np.geomspace(_RAREST_SHARE, _MOST_SHARE, _LEVELS):
        level = float(np.quantile(margins, 1.0 - share)) if len(margins) else 0.0
        if level <= 0.0:
            break
        found = [e for e in episodes(lanes, level, 1.0) if e.peak > level]
        if len(found) > len(best[1]):
            best = level, found
        if len(found) >= wanted:
            break
    if not best[1]:
        raise ValueError(
            f"{len(margins)} scored healthy windows without a peak among them, allowed: one or more"
        )
    return best


def _dispersion(days: NDArray[np.intp], opened: NDArray[np.intp]) -> float:
    """Return the variance of clusters per day over their mean, at least 1."""
    counts = np.array([(opened == day).sum() for day in np.unique(days)], dtype=np.float64)
    if len(counts) < _DAYS_TO_DISPERSE:
        return 1.0
    return float(np.clip(counts.var(ddof=1) / counts.mean(), 1.0, _MOST_DISPERSION))


def _spread(
    margins: NDArray[np.float64], day: NDArray[np.intp], days: float
) -> tuple[float, float]:
    """Return scale and degrees of freedom of the shift of the healthy level to come.

    As far as the mean of ``days`` days lies from the true one, by the daily medians and a prior.
    """
    medians = np.array([np.median(margins[day == d]) for d in np.unique(day)])
    seen = len(medians) - 1.0
    variance = float(medians.var(ddof=1)) if seen > 0.0 else 0.0
    freedom = _PRIOR_DAYS + seen
    variance = (_PRIOR_DAYS * _PRIOR_SPREAD**2 + seen * variance) / freedom
    return float(np.sqrt(variance / max(days, _LEAST_DAYS))), freedom
