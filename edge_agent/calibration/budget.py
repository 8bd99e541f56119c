"""From healthy windows to the rate of false alarms, and from a budget to thresholds."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.events import LaneScores, episodes
from edge_agent.calibration.foresee import Foreseen, foresee
from edge_agent.calibration.series import Series
from edge_agent.pipeline.alarm import AlarmSpec
from edge_agent.pipeline.budget import DAYS_PER_MONTH, BudgetPoint, BudgetSpec, Lane
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import AnyModel
from edge_agent.pipeline.spec import FlowSpec

_POINTS = 33
_FARTHEST = 10.0  # times rarer than the healthy windows support: no tail is known that well
_LEAST_POINTS = 2
_STEPS = 400
_MOST_MARGIN = 20.0
_REACHED = 0.9  # a threshold above this share of what a capped score can reach is none
_NEAR_ZERO = 1e-3  # scores below this share of the threshold have no useful logarithm
_BOUND = 3.0  # -ln 0.05: no event in T means a rate below 3 / T with 95 % confidence


class BudgetError(ValueError):
    """The budget cannot be met, or nothing can be said of it; the message says why."""


def foresee_budget(
    flow: FlowSpec,
    model: AnyModel,
    series: Series,
    healthy: tuple[int, int],
    close_share: float | None,
) -> BudgetSpec:
    """Return what the healthy windows [first, last) of ``series`` say of the flow's thresholds.

    They go through the flow itself, so that what is counted is what a gateway would announce.

    Args:
        flow: with the recipe's own thresholds.
        model: its network.
        series: the vectors, with their times.
        healthy: positions.
        close_share: of the network's alarm, see Lane.

    Raises:
        BudgetError: the recording states no times, or the windows are too few or too alike.
    """
    if flow.threshold.dynamic is not None:
        raise BudgetError("a dynamic threshold follows the scores, allowed: one that stays")
    first, last = healthy
    start_ns = series.start_ns[first:last]
    period_s = float(np.median(np.diff(start_ns))) / 1e9 if len(start_ns) > 1 else 0.0
    if not period_s > 0.0:
        raise BudgetError("the recording states no times, allowed: windows one after the other")
    lanes = _lanes(flow, *_scores(flow, model, series, healthy), close_share)
    try:
        found = foresee(lanes, start_ns, period_s)
    except ValueError as error:
        raise BudgetError(str(error)) from error
    months = found.days / DAYS_PER_MONTH
    expected, low, high = found.tail.rates(1.0)
    return BudgetSpec(
        asked=None,
        point=BudgetPoint(margin=1.0, expected=expected, low=low, high=high),
        supported=1.0 / months,
        bound=_BOUND / months,
        healthy_days=found.days,
        healthy_events=len(episodes(lanes, 1.0)),
        network=lanes[0].lane,
        level=lanes[1].lane if len(lanes) > 1 else None,
        curve=_curve(found, _most_margin(flow, lanes), 1.0 / months),
    )


def with_budget(flow: FlowSpec, asked: float) -> FlowSpec:
    """Return ``flow`` with thresholds for ``asked`` false alarms per month and asset.

    Raises:
        BudgetError: the flow carries no calibration, or the healthy windows it was made from
            cannot support the budget, not even by extrapolation.
    """
    budget = flow.budget
    if budget is None:
        raise BudgetError("the thresholds carry no rates of false alarms, so none can be asked for")
    if not (np.isfinite(asked) and asked > 0.0):
        raise BudgetError(f"{asked} false alarms per month, allowed: a number above 0")
    try:
        point = budget.at_rate(asked)
    except ValueError as error:
        raise BudgetError(str(error)) from error
    return _at(flow, budget, point, asked)


def _at(flow: FlowSpec, budget: BudgetSpec, point: BudgetPoint, asked: float) -> FlowSpec:
    lane, level, level_lane = budget.network, flow.level, budget.level
    threshold = msgspec.structs.replace(
        flow.threshold, value=lane.threshold(point.margin), method="budget", parameter=asked
    )
    ratio = lane.close_ratio(point.margin, flow.alarm.close_ratio)
    if level is not None and level_lane is not None:
        level = msgspec.structs.replace(level, threshold=level_lane.threshold(point.margin))
    return msgspec.structs.replace(
        flow,
        threshold=threshold,
        alarm=msgspec.structs.replace(flow.alarm, close_ratio=ratio),
        level=level,
        budget=msgspec.structs.replace(budget, asked=asked, point=point),
    )


def _scores(
    flow: FlowSpec, model: AnyModel, series: Series, healthy: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the scores of both detectors as a gateway's rules would get them, NaN where none."""
    runner = Flow(flow, model)
    network, level = [], []
    for i in range(*healthy):
        result = runner.push_vector(
            series.vectors[i],
            int(series.start_ns[i]),
            int(series.end_ns[i]),
            gap=bool(series.gap[i]),
        )
        judged = result.reason != "washout"
        network.append(np.nan if result.score is None else result.score)
        level.append(np.nan if result.level_score is None or not judged else result.level_score)
    return np.array(network), np.array(level)


def _lanes(
    flow: FlowSpec,
    network: NDArray[np.float64],
    level: NDArray[np.float64],
    close_share: float | None,
) -> list[LaneScores]:
    lanes = [_lane("network", network, flow.threshold.value, flow.alarm, close_share)]
    if flow.level is not None:
        lanes.append(_lane("level", level, flow.level.threshold, flow.level.alarm, None))
    return lanes


def _lane(
    name: str,
    scores: NDArray[np.float64],
    threshold: float,
    alarm: AlarmSpec,
    close_share: float | None,
) -> LaneScores:
    scored = scores[np.isfinite(scores)]
    if len(scored) == 0:
        raise BudgetError(f"the {name} detector scored none of {len(scores)} healthy windows")
    logarithmic = float(np.quantile(scored, 0.05)) > _NEAR_ZERO * threshold
    values, own = scored, threshold
    if logarithmic:  # a few may still be 0: only the median counts
        values, own = np.log(np.maximum(scored, np.finfo(np.float64).tiny)), np.log(threshold)
    middle = float(np.median(values))
    if not own > middle:
        raise BudgetError(
            f"the {name} detector's threshold of {threshold:.4g} is not above the median of its"
            " healthy scores: it alarms all the time"
        )
    lane = Lane(
        middle=middle,
        width=float(own - middle),
        logarithmic=logarithmic,
        close_share=close_share if logarithmic else None,
    )
    return LaneScores(lane, alarm, scores)


def _most_margin(flow: FlowSpec, lanes: list[LaneScores]) -> float:
    """Return the largest margin at which capped scores can still reach every threshold."""
    caps = [_cap(flow), None if flow.level is None else flow.level.cap]
    most = _MOST_MARGIN
    for lane, cap in zip(lanes, caps, strict=False):
        if cap is not None:
            reached = np.log(_REACHED * cap) if lane.lane.logarithmic else _REACHED * cap
            most = min(most, float(reached - lane.lane.middle) / lane.lane.width)
    return most


def _cap(flow: FlowSpec) -> float | None:
    if flow.smoothing.kind == "cusum":
        return flow.smoothing.ceiling
    if flow.scorer.kind == "mahalanobis" and flow.scorer.cap is not None:
        return float(flow.scorer.cap**2)
    return None


def _curve(found: Foreseen, most_margin: float, supported: float) -> tuple[BudgetPoint, ...]:
    """Return the settings from the clusters' level to the rarest rate that may be asked for."""
    lowest = found.tail.level
    if not most_margin > lowest:
        raise BudgetError("no threshold that the scores can reach lies above the healthy ones")
    margins = np.linspace(lowest, most_margin, _STEPS)
    rare = _first_below(found, margins, supported / _FARTHEST)
    points: list[BudgetPoint] = []
    for margin in np.linspace(lowest, rare, _POINTS):
        expected, low, high = found.tail.rates(float(margin))
        if expected > high:  # only what hardly ever happens would make up such a mean
            break
        if not points or points[-1].expected > expected > 0.0:
            points.append(BudgetPoint(margin=float(margin), expected=expected, low=low, high=high))
    if len(points) < _LEAST_POINTS:
        raise BudgetError(f"{found.days:.3g} healthy days are too few to tell a rate")
    return tuple(points)


def _first_below(found: Foreseen, margins: NDArray[np.float64], rate: float) -> float:
    """Return the first of ``margins`` at which less than ``rate`` is expected, else the last."""
    low, high = 0, len(margins) - 1
    while low < high:
        middle = (low + high) // 2
        if found.tail.rates(float(margins[middle]))[0] < rate:
            high = middle
        else:
            low = middle + 1
    return float(margins[low])
