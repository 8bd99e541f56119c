import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.pipeline.smoothing import Ewma, SmoothingSpec


@given(alpha=st.floats(0.01, 1.0), values=st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_the_average_is_the_weighted_sum_of_its_definition(
    alpha: float, values: list[float]
) -> None:
    ewma = Ewma(SmoothingSpec(alpha=alpha))

    found = [ewma.push(v) for v in values][-1]

    n = len(values)
    weights = [alpha * (1 - alpha) ** (n - 1 - i) for i in range(n)]
    weights[0] = (1 - alpha) ** (n - 1)
    expected = sum(w * v for w, v in zip(weights, values, strict=True))
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_weight_of_one_is_no_smoothing() -> None:
    ewma = Ewma(SmoothingSpec())

    assert [ewma.push(v) for v in (3.0, 1.0, 4.0)] == [3.0, 1.0, 4.0]


def test_a_geometric_average_is_the_average_of_logarithms() -> None:
    ewma = Ewma(SmoothingSpec(alpha=0.3, geometric=True))
    plain = Ewma(SmoothingSpec(alpha=0.3))

    for value in (1.0, 5.0, 1e9, 0.2):
        assert ewma.push(value) == pytest.approx(math.exp(plain.push(math.log(value))))


def test_a_score_of_zero_leaves_a_geometric_average_above_zero() -> None:
    ewma = Ewma(SmoothingSpec(alpha=0.5, geometric=True))

    assert [ewma.push(v) > 0 or v == 0 for v in (0.0, 0.0, 1.0)] == [True] * 3


@pytest.mark.parametrize("geometric", [True, False])
def test_the_average_may_begin_at_a_given_value(geometric: bool) -> None:  # noqa: FBT001
    ewma = Ewma(SmoothingSpec(alpha=0.5, geometric=geometric, initial=1.0))

    assert ewma.push(4.0) == pytest.approx(2.0 if geometric else 2.5)


@pytest.mark.parametrize("alpha", [0.0, -0.1, 1.1])
def test_a_weight_that_does_not_average_is_refused(alpha: float) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"smoothing\.alpha"):
        msgspec.convert({"alpha": alpha}, SmoothingSpec)
