import numpy as np
import pytest

from edge_agent.pipeline.alarm import AlarmSpec
from trainer.metrics import Ratios, alarmed_at, largest
from trainer.metrics.sweep import FACTORS


def test_the_own_threshold_is_among_the_factors() -> None:
    assert 1.0 in FACTORS
    assert min(FACTORS) == 0.125
    assert max(FACTORS) == 16.0
    np.testing.assert_allclose(np.diff(np.log2(FACTORS)), 0.25)


@pytest.mark.parametrize(
    ("factor", "rows"), [(1.0, [2, 3, 4, 8]), (2.0, [2, 3]), (4.0, []), (0.5, [1, 2, 3, 4, 5, 8])]
)
def test_an_alarm_opens_and_closes_by_its_rule_at_any_factor(
    factor: float, rows: list[int]
) -> None:
    ratios = np.array([0.0, 0.6, 3.0, 2.5, 1.5, 0.6, 0.1, 0.1, 1.9, 0.0])
    found = alarmed_at([Ratios(ratios, AlarmSpec())], factor)
    assert np.flatnonzero(found).tolist() == rows


def test_an_alarm_stays_as_it_is_where_nothing_is_scored() -> None:
    ratios = np.array([2.0, np.nan, np.nan, 0.1, np.nan])
    found = alarmed_at([Ratios(ratios, AlarmSpec())], 1.0)
    assert found.tolist() == [True, True, True, False, False]


def test_the_alarm_of_any_part_counts_and_the_largest_score() -> None:
    one = Ratios(np.array([np.nan, 2.0, 0.5, np.nan]), AlarmSpec())
    other = Ratios(np.array([3.0, 0.5, np.nan, np.nan]), AlarmSpec(close_after=9))
    np.testing.assert_array_equal(largest([one, other]), [3.0, 2.0, 0.5, np.nan])
    assert alarmed_at([one, other], 1.0).all()
    assert alarmed_at([one], 1.0).tolist() == [False, True, False, False]
