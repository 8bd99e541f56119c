from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.calibration.series import Series
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.spec import FlowSpec
from trainer.evaluate import (
    Alarm,
    compare,
    count_reasons,
    judge,
    level_only,
    network_only,
    run,
    verdicts,
)


@pytest.fixture(scope="module")
def series(history: Any, flow_spec: FlowSpec, make_series: Any) -> Series:
    """Thirty healthy windows, ten faulty, thirty healthy; two at rest, one invalid, one gap."""
    vectors = np.concatenate((history[1], history[1][:30]))
    vectors[15:17] *= np.float32(1e-3)
    vectors[20] = np.nan
    made: Series = make_series(vectors, flow_spec.feature_names, gaps=(24,))
    return made


@pytest.fixture(scope="module")
def results(flow_spec: FlowSpec, model: Model, series: Series) -> list[WindowResult]:
    return run(flow_spec, model, series)


def test_a_run_marks_each_window_as_the_gateway_would(results: list[WindowResult]) -> None:
    assert [r.index for r in results] == list(range(70))
    assert count_reasons(results) == {"washout": 10, "idle": 2, "invalid": 1, "gap": 3}
    assert [r.index for r in results if r.reason == "gap"] == [17, 21, 24]


def test_alarms_are_the_runs_of_windows_in_which_one_is_open(
    results: list[WindowResult], series: Series
) -> None:
    found = judge(results, series, (0, 30))
    open_in = np.array([r.anomaly for r in results])
    assert open_in.any()
    covered = np.zeros(len(results), dtype=bool)
    for alarm in found.alarms:
        covered[alarm.opened : alarm.closed] = True
    np.testing.assert_array_equal(covered, open_in)
    events = [r.event for r in results if r.event is not None]
    assert len(found.alarms) == sum(e.kind == "open" for e in events)
    first, last = events[0], [e for e in events if e.number == 1][-1]
    assert found.alarms[0].opened == first.index
    # severity is the last known, the features those it opened with
    assert found.alarms[0].severity == last.severity > first.severity
    assert found.alarms[0].features == first.features


def _alarm(opened: int, closed: int | None) -> Alarm:
    return Alarm(opened=opened, closed=closed, detector="network", severity=2.0, features=())


@pytest.mark.parametrize(
    ("alarms", "first", "inside"),
    [
        ([], None, 0),
        ([(50, None)], 50, 0),
        ([(5, 9)], None, 0),
        ([(15, 18)], None, 1),
        ([(5, None)], 40, 0),
        ([(15, None)], 40, 1),
        ([(15, 40)], None, 1),
        ([(15, 41)], 40, 1),
        ([(39, 45), (60, None)], 40, 1),
        ([(40, 42)], 40, 0),
        ([(12, 14), (20, 22), (70, 80), (90, None)], 70, 2),
    ],
)
def test_the_first_alarm_is_the_first_window_after_the_healthy_part_with_one_open(
    make_series: Any, alarms: list[tuple[int, int | None]], first: int | None, inside: int
) -> None:
    series = make_series(np.zeros((100, 1)), ("value",))
    found = verdicts([_alarm(*a) for a in alarms], series, (10, 40))
    assert (found.first_alarm, found.alarms_in_healthy) == (first, inside)


def test_alarms_per_day_follow_the_windows_times(make_series: Any) -> None:
    series = make_series(np.zeros((100, 1)), ("value",), period_s=864.0)
    found = verdicts([_alarm(20, 22), _alarm(70, 72)], series, (0, 50))
    assert found.alarms_per_healthy_day == pytest.approx(2.0, rel=0.03)


def test_each_detector_is_judged_alone(
    flow_spec: FlowSpec, model: Model, series: Series, results: list[WindowResult]
) -> None:
    network = run(network_only(flow_spec), model, series)
    level = run(level_only(flow_spec), model, series)
    assert [r.score for r in network] == [r.score for r in results]
    assert all(r.level_score is None for r in network)
    assert [r.level_score for r in level] == [r.level_score for r in results]
    for alone, name in ((network, "network"), (level, "level")):
        found = judge(alone, series, (0, 30)).alarms
        assert found
        assert {a.detector for a in found} == {name}


def test_parity_compares_decisions_each_at_its_own_threshold(
    flow_spec: FlowSpec, model: Model, series: Series, results: list[WindowResult]
) -> None:
    same = compare(results, results, series, (0, 30))
    assert (same.flipped_share, same.score_difference) == (0.0, 0.0)
    assert same.quantized_first_alarm == same.float_first_alarm == 31

    scores = np.array([r.score for r in results if r.score is not None])
    middle = float(np.sort(scores)[len(scores) // 4])
    other = msgspec.structs.replace(
        flow_spec, threshold=msgspec.structs.replace(flow_spec.threshold, value=middle)
    )
    found = compare(results, run(other, model, series), series, (0, 30))
    between = (scores > middle) & (scores <= flow_spec.threshold.value)
    assert found.flipped_share == pytest.approx(between.mean())
    assert found.score_difference == pytest.approx(
        abs(np.log(flow_spec.threshold.value / middle)), rel=1e-6
    )
    assert found.float_first_alarm != found.quantized_first_alarm


def test_parity_of_runs_without_a_score_is_no_division_by_nothing(
    flow_spec: FlowSpec, model: Model, make_series: Any, history: Any
) -> None:
    short: NDArray[np.float32] = history[1][:5]
    series = make_series(short, flow_spec.feature_names)
    results = run(flow_spec, model, series)
    found = compare(results, results, series, (0, 5))
    assert (found.flipped_share, found.score_difference) == (0.0, 0.0)
