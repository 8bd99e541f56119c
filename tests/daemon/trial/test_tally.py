import math
from collections.abc import Sequence

import numpy as np
import pytest

from edge_agent.daemon.trial.tally import NEAR, PAIRS_MAX, SPANS_MAX, Side, Tally, figures


def noted(ratios: Sequence[tuple[float | None, float | None]]) -> Tally:
    tally = Tally()
    for index, (one, other) in enumerate(ratios):
        tally.note(index, 60.0, (one, False), (other, False))
    return tally


def test_the_shift_is_the_median_factor_and_the_tail_that_of_the_highest() -> None:
    found = figures(noted([(0.01 * k, 0.02 * k) for k in range(1, 101)]))
    assert found.shift == pytest.approx(2.0)
    assert found.tail == pytest.approx(2.0)
    assert found.rank == pytest.approx(1.0)
    assert (found.windows, found.incumbent_over, found.candidate_over) == (100, 0.0, 0.5)
    assert found.days == pytest.approx(100 / 1440)


def test_one_wild_window_shifts_nothing() -> None:
    calm = [(0.3 + 0.001 * k, 0.3 + 0.001 * k) for k in range(99)]
    assert figures(noted([*calm, (0.3, 30.0)])).shift == pytest.approx(1.0)


def test_ranks_do_not_depend_on_any_threshold() -> None:
    ratios = np.random.default_rng(1).lognormal(-1.0, 0.5, (60, 2)).tolist()
    plain = figures(noted([(one, other) for one, other in ratios])).rank
    scaled = figures(noted([(one, 8.0 * other) for one, other in ratios])).rank
    assert plain == pytest.approx(scaled)
    assert plain is not None
    assert -1.0 <= plain <= 1.0


def test_of_a_few_windows_nothing_is_said() -> None:
    few, more = figures(noted([(0.1, 9.0)] * 19)), figures(noted([(0.1, 9.0)] * 99))
    assert (few.shift, few.tail, few.rank) == (None, None, None)
    assert more.shift == pytest.approx(90.0)
    assert more.tail is None


def test_tied_windows_share_a_rank() -> None:
    found = figures(noted([(0.1, 0.1)] * 18 + [(0.2, 0.3), (0.3, 0.2)]))
    ranks = [9.5] * 18 + [19.0, 20.0], [9.5] * 18 + [20.0, 19.0]
    assert found.rank == pytest.approx(float(np.corrcoef(*ranks)[0, 1]))


def test_a_score_that_does_not_move_is_seen() -> None:
    found = figures(noted([(0.1 * k, 0.5) for k in range(1, 30)]))
    assert (found.moves, found.rank) == (False, None)
    assert figures(Tally()).moves


def test_windows_that_only_the_incumbent_scores_count_after_the_washout() -> None:
    tally = Tally()
    tally.note(0, 1.0, (0.5, False), (None, False), washing=True)
    tally.note(1, 1.0, (0.5, False), (None, False))
    tally.note(2, 1.0, (None, False), (0.5, False))
    assert (tally.windows, tally.unscored, tally.tried) == (0, 1, 3)


def test_what_both_see_is_neither_new_nor_missed() -> None:
    one, other = Side(), Side()
    for index in range(100):
        one.note(index, 2.0, is_open=20 <= index < 30 or 60 <= index < 62)
        other.note(index, 2.0, is_open=29 + NEAR <= index < 45 or 90 <= index < 92)
    assert one.spans == [(20, 29), (60, 61)]
    assert (one.without(other), other.without(one)) == (1, 1)
    assert (one.open_windows, one.over) == (12, 100)


def test_alarming_windows_shift_nothing() -> None:
    tally = noted([(0.5, 0.5)] * 20)
    tally.note(20, 1.0, (40.0, True), (4.0, True))
    assert figures(tally).shift == pytest.approx(1.0)


def test_what_is_kept_is_bounded() -> None:
    tally = Tally()
    for index in range(PAIRS_MAX + 10):
        tally.note(index, 1.0, (0.5, index % 2 == 0), (0.5, False))
    for index in range(2 * PAIRS_MAX, 4 * PAIRS_MAX):
        tally.note(index, 1.0, (math.exp(-1.0), False), (0.5, False))
    assert len(tally.pairs) == PAIRS_MAX
    assert len(tally.incumbent.spans) == SPANS_MAX
    assert tally.pairs[0][0] == pytest.approx(-1.0)
