"""Smoothing, threshold and alarm rule together, for a budget and the period of the windows.

A budget in months leaves time to look twice: where windows come every second, averaging over a
minute costs nothing and lets a smaller lasting change be told from chance. Where they come every
ten minutes there is nothing to gain, and the recipe's own rule stays.
"""

from collections.abc import Iterator

import msgspec
import numpy as np

from edge_agent.calibration.budget import BudgetError, foresee_budget, with_budget
from edge_agent.calibration.calibrate import calibrate
from edge_agent.calibration.choices import Calibration
from edge_agent.calibration.prepare import Prepared
from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.budget import DAYS_PER_MONTH
from edge_agent.pipeline.model import AnyModel
from edge_agent.pipeline.spec import FlowSpec

_REACTION = 720.0  # an alarm may take this part of the time between two false ones: 1/month, 1 h
_MEMORY = 4.0  # windows that the rule and smoothing of a recipe look back, about
_LEAST_SPANS = 50.0  # independent averages that the healthy windows must hold
_WORTH = 0.9  # a longer average must bring the threshold this much nearer


def calibrate_to_budget(
    choice: Calibration,
    series: Series,
    ready: Prepared,
    model: AnyModel,
    asked: float | None = None,
) -> FlowSpec:
    """Calibrate, and say or choose how many false alarms are to be expected.

    Args:
        choice: how.
        series: the recording's vectors.
        ready: its healthy windows.
        model: the network.
        asked: false alarms per month and asset; None: the recipe's own thresholds stay, with
            their rate beside them where the windows tell one.

    Raises:
        DataError: no threshold can be chosen, or not one for this budget.
    """
    if asked is None:
        flow = calibrate(choice, series, ready, model)
        try:
            return _foreseen(flow, choice, series, ready, model)
        except BudgetError:
            return flow
    best: FlowSpec | None = None
    try:
        for candidate in _candidates(choice, series, ready, asked):
            flow = calibrate(candidate, series, ready, model)
            found = with_budget(_foreseen(flow, candidate, series, ready, model), asked)
            if best is None or _distance(found) < _WORTH * _distance(best):
                best = found
    except BudgetError as error:
        if best is None:
            raise DataError(f"the false-alarm budget cannot be met: {error}") from error
    assert best is not None  # noqa: S101 - there is always the first candidate
    return best


def _foreseen(
    flow: FlowSpec,
    choice: Calibration,
    series: Series,
    ready: Prepared,
    model: AnyModel,
) -> FlowSpec:
    budget = foresee_budget(flow, model, series, _span(ready), choice.threshold.close_share)
    return msgspec.structs.replace(flow, budget=budget)


def _span(ready: Prepared) -> tuple[int, int]:
    return int(ready.rows[0]), int(ready.rows[-1]) + 1


def _candidates(
    choice: Calibration, series: Series, ready: Prepared, asked: float
) -> Iterator[Calibration]:
    """Yield the recipe's own rule, then ones that look back twice as long, and so on."""
    yield choice
    start_ns = series.start_ns[slice(*_span(ready))]
    period_s = float(np.median(np.diff(start_ns))) / 1e9 if len(start_ns) > 1 else 0.0
    if period_s <= 0.0 or choice.smoothing.kind == "cusum":
        return
    reaction_s = DAYS_PER_MONTH * 86_400.0 / asked / _REACTION
    times = 2
    while times * _MEMORY * period_s <= reaction_s and times * _MEMORY * _LEAST_SPANS <= len(
        start_ns
    ):
        yield _slower(choice, times)
        times *= 2


def _slower(choice: Calibration, times: int) -> Calibration:
    alarm, level, smoothing = choice.alarm, choice.level, choice.smoothing
    if level is not None:
        after = level.alarm.close_after * times
        level = msgspec.structs.replace(
            level,
            alpha=level.alpha / times,
            alarm=msgspec.structs.replace(level.alarm, close_after=after),
        )
    return msgspec.structs.replace(
        choice,
        smoothing=msgspec.structs.replace(
            smoothing, alpha=smoothing.alpha / times, length=smoothing.length * times
        ),
        alarm=msgspec.structs.replace(alarm, close_after=alarm.close_after * times),
        level=level,
    )


def _distance(flow: FlowSpec) -> float:
    """Return how far the network's threshold lies from the middle of the healthy scores.

    It is what a lasting change of the score must reach to be seen.
    """
    assert flow.budget is not None  # noqa: S101 - with_budget has just put it there
    lane = flow.budget.network
    return lane.width * flow.budget.point.margin / (1.0 if lane.logarithmic else lane.middle or 1.0)
