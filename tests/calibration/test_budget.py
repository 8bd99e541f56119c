"""From healthy windows to rates of false alarms and back, around a small real model."""

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.calibration.budget import BudgetError, with_budget
from edge_agent.calibration.prepare import Prepared, prepare
from edge_agent.calibration.reaction import calibrate_to_budget
from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.budget import BudgetPoint, BudgetSpec, Lane
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.spec import FlowSpec
from trainer.recipe import load_recipe

replace = msgspec.structs.replace
N = 600
SMALL = replace(load_recipe("default"), washout=10, warm_up=40)


def _series(flow_spec: FlowSpec, history: Any, make_series: Any, period_s: float) -> Series:
    rng = np.random.default_rng(8)
    spread = np.exp(0.05 * rng.standard_t(5, size=(N, 11)))
    vectors = np.tile(history[1][:30], (N // 30, 1)) * spread
    made: Series = make_series(vectors, flow_spec.feature_names, period_s=period_s)
    return made


@pytest.fixture(scope="module")
def series(flow_spec: FlowSpec, history: Any, make_series: Any) -> Series:
    """Ten days, a window every 24 minutes."""
    return _series(flow_spec, history, make_series, 1440.0)


@pytest.fixture(scope="module")
def ready(series: Series) -> Prepared:
    return prepare(SMALL, series, (0, N))


@pytest.fixture(scope="module")
def own(series: Series, ready: Prepared, model: Model) -> FlowSpec:
    return calibrate_to_budget(SMALL, series, ready, model)


def test_without_a_budget_the_recipes_thresholds_stay_and_their_rate_is_told(
    own: FlowSpec,
) -> None:
    budget = own.budget

    assert budget is not None
    assert own.threshold.method == SMALL.threshold.method
    assert budget.asked is None
    assert budget.point.margin == 1.0
    assert budget.point.low <= budget.point.expected <= budget.point.high
    assert budget.network.threshold(1.0) == pytest.approx(own.threshold.value)
    assert own.level is not None
    assert budget.level is not None
    assert budget.level.threshold(1.0) == pytest.approx(own.level.threshold)


def test_the_healthy_days_support_one_event_in_the_whole_of_them(own: FlowSpec) -> None:
    budget = own.budget

    assert budget is not None
    assert budget.healthy_days == pytest.approx((N - 11) * 1440 / 86_400, rel=0.02)
    assert budget.supported == pytest.approx(365.25 / 12 / budget.healthy_days)
    assert budget.bound == pytest.approx(3.0 * budget.supported)


@pytest.mark.parametrize("asked", [0.5, 3.0, 20.0])
def test_a_budget_moves_both_thresholds_and_the_closing_level(own: FlowSpec, asked: float) -> None:
    found = with_budget(own, asked)

    assert found.budget is not None
    assert own.budget is not None
    assert found.budget.asked == asked
    assert found.budget.point.expected == pytest.approx(asked, rel=1e-6)
    assert found.budget.is_extrapolated == (asked < own.budget.supported)
    assert (found.threshold.method, found.threshold.parameter) == ("budget", asked)
    margin = found.budget.point.margin
    assert found.threshold.value == pytest.approx(own.budget.network.threshold(margin))
    assert found.level is not None
    assert found.level.threshold == own.budget.level.threshold(margin)  # type: ignore[union-attr]
    half = own.budget.network.threshold(0.5 * margin) / found.threshold.value
    assert found.alarm.close_ratio == pytest.approx(half)


def test_a_smaller_budget_means_higher_thresholds(own: FlowSpec) -> None:
    values = [with_budget(own, asked).threshold.value for asked in (30.0, 10.0, 3.0, 1.0, 0.5)]

    assert values == sorted(values)


def test_a_flow_made_for_one_budget_gives_the_same_for_another_as_one_made_for_none(
    own: FlowSpec,
) -> None:
    assert with_budget(with_budget(own, 5.0), 1.0) == with_budget(own, 1.0)


def test_the_trainer_and_the_gateway_come_to_the_same_thresholds(
    own: FlowSpec, series: Series, ready: Prepared, model: Model
) -> None:
    assert calibrate_to_budget(SMALL, series, ready, model, 1.0) == with_budget(own, 1.0)


def test_a_budget_far_below_the_healthy_days_is_refused_with_what_they_support(
    own: FlowSpec,
) -> None:
    assert own.budget is not None
    supported = f"{own.budget.supported:.3g}"

    with pytest.raises(
        BudgetError, match=f"0.001 events per month, allowed: .*support {supported}"
    ):
        with_budget(own, 1e-3)


def test_one_that_all_thresholds_meet_is_met_by_the_lowest(own: FlowSpec) -> None:
    found = with_budget(own, 1e6)

    assert found.budget is not None
    assert found.budget.point == found.budget.at_margin(found.budget.curve[0].margin)


@pytest.mark.parametrize("asked", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_rate_is_refused(own: FlowSpec, asked: float) -> None:
    with pytest.raises(BudgetError, match="allowed: a number above 0"):
        with_budget(own, asked)


def test_a_bundle_without_rates_says_so(own: FlowSpec) -> None:
    with pytest.raises(BudgetError, match="carry no rates of false alarms"):
        with_budget(replace(own, budget=None), 1.0)


def test_windows_every_second_are_averaged_for_longer(
    flow_spec: FlowSpec, history: Any, make_series: Any, model: Model
) -> None:
    quick = _series(flow_spec, history, make_series, 1.0)
    ready = prepare(SMALL, quick, (0, N))
    rates = calibrate_to_budget(SMALL, quick, ready, model).budget
    assert rates is not None

    lowest = rates.curve[-1].expected

    found = calibrate_to_budget(SMALL, quick, ready, model, 1.01 * lowest)

    assert found.smoothing.alpha <= SMALL.smoothing.alpha
    times = SMALL.smoothing.alpha / found.smoothing.alpha
    assert found.alarm.close_after == SMALL.alarm.close_after * times


@pytest.mark.parametrize("asked", [None, 1.0])
def test_a_recording_without_times_has_no_rates(
    flow_spec: FlowSpec, history: Any, make_series: Any, model: Model, asked: float | None
) -> None:
    series = _series(flow_spec, history, make_series, 60.0)
    timeless = dataclasses.replace(series, start_ns=np.zeros(N, np.int64))
    ready = prepare(SMALL, timeless, (0, N))

    if asked is None:
        assert calibrate_to_budget(SMALL, timeless, ready, model).budget is None
        return
    with pytest.raises(DataError, match="budget cannot be met: the recording states no times"):
        calibrate_to_budget(SMALL, timeless, ready, model, asked)


def test_the_flow_runs_with_the_budgets_thresholds(
    own: FlowSpec, series: Series, model: Model
) -> None:
    found = with_budget(own, 2.0)

    result = Flow(found, model).push_vector(series.vectors[0], 0, 1)

    assert result.threshold == found.threshold.value


@pytest.mark.parametrize(
    "points",
    [
        [(1.0, 1.0)],
        [(1.0, 1.0), (2.0, 1.0)],
        [(2.0, 2.0), (1.0, 1.0)],
        [(1.0, 1.0), (2.0, 0.0)],
    ],
)
def test_a_curve_that_does_not_fall_is_refused(points: list[tuple[float, float]]) -> None:
    curve = tuple(BudgetPoint(margin=m, expected=e, low=0.0, high=9.0) for m, e in points)

    with pytest.raises(ValueError, match=r"budget\.curve"):
        BudgetSpec(
            asked=None,
            point=curve[0],
            supported=1.0,
            bound=3.0,
            healthy_days=30.0,
            healthy_events=0,
            network=Lane(middle=0.0, width=1.0, logarithmic=True),
            level=None,
            curve=curve,
        )


def test_a_lane_without_a_width_is_refused() -> None:
    with pytest.raises(ValueError, match="lane width is 0"):
        Lane(middle=1.0, width=0.0, logarithmic=False)
