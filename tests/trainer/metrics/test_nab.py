"""The NAB score against values computed by hand from the paper's formula."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trainer.metrics import MetricError, best_nab_score, nab_score, probation_rows

ROWS = 10_000  # the first 750 are the probation
WINDOWS = ((2000, 2100), (4000, 4200))


def _at(*rows: int) -> NDArray[np.bool_]:
    flags = np.zeros(ROWS, dtype=np.bool_)
    flags[list(rows)] = True
    return flags


def _sigmoid(position: float) -> float:
    return 2.0 / (1.0 + math.exp(5.0 * position)) - 1.0


def test_silence_gets_nothing_and_the_first_row_of_each_window_gets_all() -> None:
    assert nab_score(_at(), WINDOWS) == 0.0
    assert nab_score(_at(2000, 4000), WINDOWS) == pytest.approx(100.0)


def test_a_detection_is_worth_less_the_later_in_its_window_it_comes() -> None:
    # 50 rows into 100: at -0.5 of the window's length; the other window is missed
    expected = 100.0 * (_sigmoid(-0.5) / _sigmoid(-1.0) - 1.0 + 2.0) / 4.0
    assert nab_score(_at(2050), WINDOWS) == pytest.approx(expected)
    last = 100.0 * (_sigmoid(-0.01) / _sigmoid(-1.0) - 1.0 + 2.0) / 4.0
    assert nab_score(_at(2099), WINDOWS) == pytest.approx(last)


def test_only_the_earliest_detection_in_a_window_counts() -> None:
    assert nab_score(_at(2010, 2020, 2030), WINDOWS) == nab_score(_at(2010), WINDOWS)


def test_a_detection_before_any_window_costs_in_full_and_each_row_anew() -> None:
    assert nab_score(_at(1000), WINDOWS) == pytest.approx(-100.0 * 0.11 / 4.0)
    assert nab_score(_at(1000, 1001), WINDOWS) == pytest.approx(-100.0 * 0.22 / 4.0)


def test_a_detection_just_behind_a_window_costs_little_and_far_behind_it_in_full() -> None:
    # 10 rows behind the last one of a window whose last row is 99 rows behind its first
    assert nab_score(_at(2109), WINDOWS) == pytest.approx(25.0 * 0.11 * _sigmoid(10.0 / 99.0))
    assert nab_score(_at(3500), WINDOWS) == pytest.approx(-25.0 * 0.11)


def test_the_probation_counts_for_nothing() -> None:
    assert probation_rows(ROWS) == probation_rows(10_320) == 750
    assert probation_rows(1000) == 150
    assert nab_score(_at(0, 749), WINDOWS) == 0.0
    assert nab_score(_at(750), WINDOWS) < 0.0


def test_the_best_threshold_is_found_whatever_the_scale() -> None:
    score = np.random.default_rng(1).random(ROWS)
    score[[2005, 4010]] = (2.0, 3.0)
    found, threshold = best_nab_score(score, WINDOWS)
    assert found == nab_score(_at(2005, 4010), WINDOWS)
    assert threshold == 2.0
    assert best_nab_score(np.exp(score), WINDOWS)[0] == found


def test_a_score_that_only_disturbs_does_best_when_it_never_alarms() -> None:
    score = np.zeros(ROWS)
    score[1000:1500] = 1.0
    assert best_nab_score(score, WINDOWS) == (0.0, math.inf)
    assert best_nab_score(np.full(ROWS, np.nan), WINDOWS) == (0.0, math.inf)


@given(st.lists(st.integers(0, ROWS - 1), max_size=30))
def test_nothing_is_better_than_perfect_and_no_choice_than_the_oracles(rows: list[int]) -> None:
    flags = _at(*rows)
    found = nab_score(flags, WINDOWS)
    assert found <= 100.0 + 1e-9
    assert best_nab_score(flags.astype(np.float64), WINDOWS)[0] >= found - 1e-9


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        ((), "no windows found, allowed: at least one"),
        (((5, 5),), "window 0 is rows 5:5, allowed: within 0:10000 and not empty"),
        (((0, 10_001),), "window 0 is rows 0:10001"),
        (((10, 20), (15, 30)), "window 1 is rows 15:30, allowed: within 20:10000"),
    ],
)
def test_windows_that_do_not_do_are_refused(
    windows: tuple[tuple[int, int], ...], said: str
) -> None:
    with pytest.raises(MetricError, match=said):
        nab_score(_at(), windows)
