from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.pipeline.dynamic import DynamicSpec, dynamic_threshold
from edge_agent.pipeline.threshold import Threshold, ThresholdSpec

SPEC = DynamicSpec(length=200, every=10, padding=5)


def _scores(n: int = 200, seed: int = 0) -> Any:
    return 1.0 + 0.1 * np.random.default_rng(seed).uniform(-1.0, 1.0, n)


def test_one_burst_among_quiet_scores_lies_above_and_the_rest_below() -> None:
    scores = _scores()
    scores[100:104] = 5.0

    found = dynamic_threshold(scores, SPEC)

    assert scores[scores < 2].max() < found < 5.0


def test_where_nothing_stands_out_it_is_twelve_sigmas() -> None:
    scores = _scores()

    assert dynamic_threshold(scores, SPEC) == pytest.approx(scores.mean() + 12 * scores.std())


def test_a_peak_not_far_above_the_next_is_taken_back() -> None:
    scores = _scores()
    scores[50], scores[150] = 5.0, 1.8  # 1.8 is 40 % above the rest, 5 far above both
    both = dynamic_threshold(scores, SPEC)
    scores[50], scores[150] = 5.0, 4.8  # together they stand out, by themselves neither above 13 %
    twins = dynamic_threshold(scores, SPEC)
    strict = dynamic_threshold(scores, msgspec.structs.replace(SPEC, prune=0.99))

    assert both < 5.0
    assert twins < 4.8
    assert strict == 5.0


def test_more_than_five_sequences_or_half_of_the_scores_are_no_anomaly() -> None:
    scores = _scores()
    scores[10::20] = 5.0

    assert dynamic_threshold(scores, SPEC) >= 5.0


@pytest.mark.parametrize("scores", [[1.0], [2.0, 2.0, 2.0], [0.0, 0.0]])
def test_scores_without_a_spread_have_their_own_value(scores: list[float]) -> None:
    assert dynamic_threshold(np.array(scores), SPEC) == scores[0]


def _spec(spec: DynamicSpec = SPEC) -> ThresholdSpec:
    return ThresholdSpec(value=3.0, method="dynamic", parameter=12.0, dynamic=spec)


def test_the_calibrated_value_holds_until_scores_have_come() -> None:
    threshold = Threshold(_spec())

    assert [threshold.push(1.5) for _ in range(9)] == [0.5] * 9
    threshold.push(1.5)

    assert threshold.value != 3.0


def test_it_sees_a_burst_when_it_comes_and_forgets_it_with_the_scores() -> None:
    threshold, scores = Threshold(_spec()), _scores(600)
    scores[255:260] = 6.0

    ratios = np.array([threshold.push(float(s)) for s in scores])

    assert (ratios[255:260] > 1.0).all()
    assert (ratios[:255] <= 1.0).all()
    assert threshold.value < 3.0


@settings(max_examples=30)
@given(at=st.integers(0, 120), seed=st.integers(0, 5))
def test_a_restored_threshold_goes_on_bit_for_bit(at: int, seed: int) -> None:
    spec = _spec(DynamicSpec(length=50, every=7, padding=3))
    scores = np.exp(np.random.default_rng(seed).normal(size=120))
    whole, first, second = Threshold(spec), Threshold(spec), Threshold(spec)
    expected = [(whole.push(float(s)), whole.value) for s in scores]

    found = [(first.push(float(s)), first.value) for s in scores[:at]]
    second.restore(first.state())
    found += [(second.push(float(s)), second.value) for s in scores[at:]]

    assert found == expected


@pytest.mark.parametrize(
    "state",
    [np.zeros(0), np.zeros(1), np.zeros((2, 2)), np.zeros(300), np.array([-1.0, 0.0])],
)
def test_a_state_of_another_threshold_is_refused(state: Any) -> None:
    with pytest.raises(ValueError, match="state"):
        Threshold(_spec()).restore(state)


def test_a_threshold_that_stays_has_no_state() -> None:
    fixed = Threshold(ThresholdSpec(value=2.0, method="fixed", parameter=2.0))

    assert fixed.state().size == 0
    fixed.restore(fixed.state())
    with pytest.raises(ValueError, match="state of another bundle"):
        fixed.restore(np.array([1.0, 0.0]))


@pytest.mark.parametrize(
    "wrong",
    [{"every": 0}, {"every": 300}, {"length": 10**6}, {"padding": -1}, {"prune": 1.0}],
)
def test_what_takes_a_threshold_from_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"dynamic\."):
        msgspec.structs.replace(SPEC, **wrong)


@pytest.mark.parametrize("method", ["fixed", "dynamic"])
def test_only_a_dynamic_threshold_says_how_it_follows(method: Any) -> None:
    with pytest.raises(ValueError, match=r"threshold\.dynamic"):
        ThresholdSpec(
            value=1.0,
            method=method,
            parameter=1.0,
            dynamic=SPEC if method == "fixed" else None,
        )
