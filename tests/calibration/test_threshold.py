import math
import statistics
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.calibration.threshold import choose_threshold
from edge_agent.pipeline.threshold import Threshold, ThresholdSpec

score_lists = st.lists(st.floats(0.01, 1000.0), min_size=2, max_size=300)


@given(scores=score_lists, percent=st.floats(0.0, 100.0))
def test_top_percent_lets_that_share_of_healthy_windows_reach_the_threshold(
    scores: list[float], percent: float
) -> None:
    k = max(1, math.floor(len(scores) * percent / 100.0))

    found = choose_threshold(np.array(scores), "top_percent", percent)

    assert found.value == sorted(scores, reverse=True)[k - 1]


@given(scores=score_lists, q=st.floats(0.0, 1.0))
def test_a_quantile_lies_between_its_neighbours_in_order(scores: list[float], q: float) -> None:
    ordered = sorted(scores)
    position = q * (len(scores) - 1)
    low = math.floor(position)
    high = min(low + 1, len(scores) - 1)
    expected = ordered[low] + (position - low) * (ordered[high] - ordered[low])

    assert choose_threshold(np.array(scores), "quantile", q).value == pytest.approx(expected)


@given(scores=score_lists, sigmas=st.floats(0.0, 10.0))
def test_sigmas_are_counted_from_the_mean(scores: list[float], sigmas: float) -> None:
    expected = statistics.fmean(scores) + sigmas * statistics.pstdev(scores)

    assert choose_threshold(np.array(scores), "mean_sigma", sigmas).value == pytest.approx(expected)


@given(scores=score_lists, sigmas=st.floats(0.0, 10.0))
def test_robust_sigmas_of_logarithms_are_counted_from_the_median(
    scores: list[float], sigmas: float
) -> None:
    logs = np.log(scores)
    q5, q25, q75, q95 = np.quantile(logs, (0.05, 0.25, 0.75, 0.95))
    scale = max((q75 - q25) / 1.349, (q95 - q5) / 3.29)
    margin = 1.2 * max(0.5, sigmas * scale)

    found = choose_threshold(
        np.array(scores), "log_median_sigma", sigmas, least_margin=0.5, widen=1.2
    ).value

    assert found == pytest.approx(math.exp(statistics.median(logs) + margin), rel=1e-6)


def test_a_fixed_threshold_needs_no_scores() -> None:
    found = choose_threshold(np.zeros(0), "fixed", 2.5)

    assert (found.value, found.calibration, found.calibration_windows) == (2.5, (), 0)
    assert [Threshold(found).push(score) for score in (0.0, 2.5, 5.0)] == [0.0, 1.0, 2.0]


@given(scores=score_lists)
def test_the_calibration_keeps_the_shape_of_the_healthy_scores(scores: list[float]) -> None:
    found = choose_threshold(np.array(scores), "quantile", 0.9)

    assert found.calibration_windows == len(scores)
    assert list(found.calibration) == sorted(found.calibration)
    assert (found.calibration[0], found.calibration[-1]) == (min(scores), max(scores))
    if len(scores) <= 257:
        np.testing.assert_allclose(found.calibration, sorted(scores))


@pytest.mark.parametrize("method", ["top_percent", "quantile", "mean_sigma", "log_median_sigma"])
@pytest.mark.parametrize("scores", [[], [1.0, np.nan], [1.0, np.inf]])
def test_scores_that_say_nothing_are_refused(method: Any, scores: list[float]) -> None:
    with pytest.raises(ValueError, match="healthy scores"):
        choose_threshold(np.array(scores), method, 1.0)


@pytest.mark.parametrize(
    ("method", "parameter"),
    [("top_percent", 101.0), ("top_percent", -1.0), ("quantile", 1.5), ("quantile", -0.1)],
)
def test_a_share_outside_its_range_is_refused(method: Any, parameter: float) -> None:
    with pytest.raises(ValueError, match=f"threshold {method}"):
        choose_threshold(np.arange(1.0, 11.0), method, parameter)


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_threshold_no_score_can_be_divided_by_is_refused(value: float) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"threshold\.value"):
        msgspec.convert({"value": value, "method": "fixed", "parameter": 0.0}, ThresholdSpec)
