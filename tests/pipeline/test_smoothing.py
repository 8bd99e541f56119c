import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.pipeline.scorer import ScorerSpec
from edge_agent.pipeline.smoothing import SmoothedScorer, Smoother, SmoothingSpec, smoothed

EVERY = [
    SmoothingSpec(alpha=0.3),
    SmoothingSpec(alpha=0.3, geometric=True, initial=1.0),
    SmoothingSpec(kind="mean", length=7),
    SmoothingSpec(kind="mean", length=7, geometric=True),
    SmoothingSpec(kind="cusum", slack=0.5, ceiling=9.0),
]


def _smoothed(spec: SmoothingSpec, *values: float) -> list[float]:
    found: list[float] = smoothed(spec, np.array(values)[:, None])[:, 0].tolist()
    return found


@given(alpha=st.floats(0.01, 1.0), values=st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_the_average_is_the_weighted_sum_of_its_definition(
    alpha: float, values: list[float]
) -> None:
    found = _smoothed(SmoothingSpec(alpha=alpha), *values)[-1]

    n = len(values)
    weights = [alpha * (1 - alpha) ** (n - 1 - i) for i in range(n)]
    weights[0] = (1 - alpha) ** (n - 1)
    expected = sum(w * v for w, v in zip(weights, values, strict=True))
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_weight_of_one_is_no_smoothing() -> None:
    assert _smoothed(SmoothingSpec(), 3.0, 1.0, 4.0) == [3.0, 1.0, 4.0]


@pytest.mark.parametrize("given", [{"alpha": 0.3}, {"kind": "mean", "length": 3}])
def test_a_geometric_average_is_the_average_of_logarithms(given: dict[str, Any]) -> None:
    values = (1.0, 5.0, 1e9, 0.2)

    found = _smoothed(SmoothingSpec(geometric=True, **given), *values)

    logs = _smoothed(SmoothingSpec(**given), *(math.log(v) for v in values))
    assert found == pytest.approx([math.exp(v) for v in logs])


def test_a_score_of_zero_leaves_a_geometric_average_above_zero() -> None:
    found = _smoothed(SmoothingSpec(alpha=0.5, geometric=True), 0.0, 0.0, 1.0)

    assert [v > 0 or v == 0 for v in found] == [True] * 3


@pytest.mark.parametrize("geometric", [True, False])
def test_the_average_may_begin_at_a_given_value(geometric: bool) -> None:  # noqa: FBT001
    found = _smoothed(SmoothingSpec(alpha=0.5, geometric=geometric, initial=1.0), 4.0)

    assert found == pytest.approx([2.0 if geometric else 2.5])


def test_a_plain_mean_is_of_the_last_scores_and_of_those_there_are_before() -> None:
    found = _smoothed(SmoothingSpec(kind="mean", length=3), 3.0, 5.0, 1.0, 0.0, 8.0)

    assert found == pytest.approx([3.0, 4.0, 3.0, 2.0, 3.0])


def test_a_sum_gathers_what_is_above_its_slack_and_comes_back_from_its_ceiling() -> None:
    spec = SmoothingSpec(kind="cusum", slack=1.0, ceiling=4.0)

    assert _smoothed(spec, 0.5, 2.0, 3.0, 9.0, 0.0, 0.0) == [0.0, 1.0, 3.0, 4.0, 3.0, 2.0]


def test_a_sum_without_a_ceiling_is_not_held() -> None:
    assert _smoothed(SmoothingSpec(kind="cusum"), 50.0, 50.0) == [50.0, 100.0]


@pytest.mark.parametrize("spec", EVERY, ids=lambda s: s.kind)
@pytest.mark.parametrize("cut", [0, 1, 5, 20])
def test_a_restored_state_goes_on_bit_for_bit(spec: SmoothingSpec, cut: int) -> None:
    values = np.random.default_rng(5).random((40, 3))
    one, other = Smoother(spec, 3), Smoother(spec, 3)
    for value in values[:cut]:
        one.push(value)

    other.restore(one.state())

    for value in values[cut:]:
        assert one.push(value).tobytes() == other.push(value).tobytes()


@pytest.mark.parametrize(
    "state",
    [np.zeros((8, 3)), np.zeros((1, 2)), np.zeros(3), np.zeros((1, 3), np.float32)],
)
def test_a_state_of_another_smoothing_is_refused(state: Any) -> None:
    with pytest.raises(ValueError, match=r"allowed: float64 of \(at most 7, 3\)"):
        Smoother(SmoothingSpec(kind="mean", length=7), 3).restore(state)


def test_residuals_are_smoothed_each_by_itself_before_they_are_scored() -> None:
    scorer = ScorerSpec(kind="maximum", upward=True)
    each = SmoothedScorer(scorer, SmoothingSpec(alpha=0.5, of="residuals"), 2)
    once = SmoothedScorer(scorer, SmoothingSpec(alpha=0.5), 2)

    rows = np.array([[[4.0, 0.0]], [[0.0, 4.0]]], dtype=np.float32)

    # two numbers that are high in turn: the largest always is, neither is for long
    assert [each.push(r)[0] for r in rows] == [4.0, 2.0]
    assert [once.push(r)[0] for r in rows] == [4.0, 4.0]
    _, shares = each.push(np.array([[0.0, 4.0]], dtype=np.float32))
    assert shares.tolist() == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        *(({"alpha": alpha}, r"smoothing\.alpha") for alpha in (0.0, -0.1, 1.1)),
        ({"kind": "mean", "length": 0}, r"smoothing\.length is 0"),
        ({"kind": "cusum", "ceiling": 0.0}, r"smoothing\.ceiling is 0"),
        ({"kind": "cusum", "geometric": True}, "averages of scores only"),
        ({"of": "residuals", "geometric": True}, "averages of scores only"),
    ],
)
def test_what_does_not_smooth_is_refused(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.convert(given, SmoothingSpec)
