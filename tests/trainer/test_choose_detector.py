"""The best detector is told by quiet healthy windows and faults put into them, by no label."""

from typing import Any

import numpy as np
import pytest

from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.alarm import AlarmSpec
from trainer.choose_detector import Standing, choose_baseline, stand, stand_ready
from trainer.evaluate import verdicts
from trainer.outcome import Outcome, outcome_of_ratios


def _standing(false_alarms: int, seen: int, *delays: int) -> Standing:
    faults = {f"louder {i}": i < seen for i in range(3)}
    return Standing(windows=100, false_alarms=false_alarms, seen=faults, delays=delays)


def test_quiet_comes_before_sharp_and_sharp_before_fast() -> None:
    ranked = [
        _standing(0, 2, 5, 7),
        _standing(0, 2, 9, 9),
        _standing(0, 1, 1),
        _standing(0, 0),
        _standing(1, 3, 1, 1, 1),
    ]
    ranks = [standing.rank for standing in ranked]
    assert ranks == sorted(ranks)


def _series(make_series: Any, *knocks: int) -> Series:
    rng = np.random.default_rng(5)
    level = 1.0 + 0.01 * rng.standard_normal(200)
    level[list(knocks)] = 3.0
    return make_series(level, ("a_rms",))  # type: ignore[no-any-return]


def _over(limit: float) -> Any:
    def watch(series: Series) -> Outcome:
        return outcome_of_ratios(series.vectors[:, 0].astype(np.float64) / limit, AlarmSpec())

    return watch


def test_a_fault_counts_from_its_begin_and_a_false_alarm_is_no_detection(make_series: Any) -> None:
    series = _series(make_series, 30, 180)
    found = stand(_over(1.045), series, 120)
    assert (found.windows, found.false_alarms) == (200, 2)
    # one healthy scale is within the noise, four are not
    assert found.seen["louder 4"]
    assert not found.seen["louder 1"]
    assert min(found.delays) > 5


def test_of_those_that_are_ready_to_ship_only_the_quietest_are_asked_for_more(
    make_series: Any,
) -> None:
    series = _series(make_series, 30)
    watches = {"all": _over(50.0), "cusum": _over(1.045), "ewma": _over(4.0), "random": _over(9.0)}
    found = {name: verdicts(w(series).alarms, series, (0, 190)) for name, w in watches.items()}
    standings = stand_ready(watches, found, (series, (0, 190)), warm_up=20)
    assert list(standings) == ["all", "ewma"]
    assert {(s.windows, s.false_alarms) for s in standings.values()} == {(190, 0)}


def test_a_deaf_detector_sees_nothing(make_series: Any) -> None:
    found = stand(_over(50.0), _series(make_series), 120)
    assert (found.false_alarms, found.delays) == (0, ())
    assert not any(found.seen.values())


def test_the_baseline_that_sees_most_among_the_quiet_ones_is_chosen(make_series: Any) -> None:
    series = _series(make_series)
    chosen, standings = choose_baseline(series, (0, 200))
    assert chosen.name in standings
    assert standings[chosen.name].rank == min(s.rank for s in standings.values())
    # a slow rise is what sums and averages are for
    assert chosen.name in ("cusum", "ewma")


def test_what_comes_after_the_healthy_part_changes_nothing(make_series: Any) -> None:
    level = np.asarray(_series(make_series).vectors[:, 0])
    failing = np.concatenate((level, 9.0 * level[:50]))
    once = choose_baseline(make_series(level, ("a_rms",)), (0, 200))
    again = choose_baseline(make_series(failing, ("a_rms",)), (0, 200))
    assert once[0].name == again[0].name
    assert once[1] == again[1]


def test_too_few_healthy_windows_are_refused(make_series: Any) -> None:
    with pytest.raises(DataError, match=r"healthy is 0:20, of which 12 windows are learned from"):
        choose_baseline(_series(make_series), (0, 20))
