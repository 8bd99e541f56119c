from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.calibration.series import Series
from trainer.baselines import baseline_watches
from trainer.evaluate import Verdicts
from trainer.outcome import Truth, measure_all

HEALTHY = (0, 200)
EVERY = {
    "level mean + 3 sigma",
    "level mean + 5 sigma",
    "EWMA of the level",
    "CUSUM of the level",
}


def _level(*steps: tuple[int, float]) -> NDArray[np.float32]:
    """300 windows of level 1 with 1 % of noise, times the factor from each step on."""
    rng = np.random.default_rng(2)
    values = 1.0 + 0.01 * rng.standard_normal(300)
    for start, factor in steps:
        values[start:] *= factor
    return values.astype(np.float32)


def _verdicts(series: Series, rows: NDArray[np.intp] | None = None) -> dict[str, Verdicts]:
    used = np.arange(*HEALTHY) if rows is None else rows
    columns = tuple(range(len(series.names)))
    return measure_all(baseline_watches(series.vectors[used], columns), Truth(series, HEALTHY))


def test_every_baseline_finds_a_step_within_a_few_windows(make_series: Any) -> None:
    found = _verdicts(make_series(_level((250, 1.1)), ("a_rms",)))
    assert set(found) == EVERY
    assert found["level mean + 3 sigma"].first_alarm == 252
    assert found["level mean + 5 sigma"].first_alarm == 252
    for verdict in found.values():
        assert verdict.alarms_in_healthy == 0
        assert verdict.first_alarm is not None
        assert 250 <= verdict.first_alarm <= 256
        assert [a.closed for a in verdict.alarms] == [None]


def test_slow_sums_see_a_small_step_that_sigmas_do_not(make_series: Any) -> None:
    found = _verdicts(make_series(_level((250, 1.02)), ("a_rms",)))
    assert found["level mean + 5 sigma"].first_alarm is None
    assert found["CUSUM of the level"].first_alarm is not None


def test_an_alarm_closes_when_the_level_comes_back(make_series: Any) -> None:
    found = _verdicts(make_series(_level((250, 1.1), (270, 1 / 1.1)), ("a_rms",)))
    (alarm,) = found["level mean + 5 sigma"].alarms
    assert (alarm.opened, alarm.closed) == (252, 272)
    assert alarm.severity == pytest.approx(2.0, abs=0.6)


def test_a_quieter_machine_raises_no_alarm(make_series: Any) -> None:
    found = _verdicts(make_series(_level((250, 0.5)), ("a_rms",)))
    assert {v.first_alarm for v in found.values()} == {None}


def test_the_loudest_channel_counts(make_series: Any) -> None:
    both = np.stack((_level(), _level((250, 1.1))), axis=1)
    series = make_series(both, ("a_rms", "b_rms"))
    found = _verdicts(series)
    assert found["level mean + 5 sigma"].first_alarm == 252


def test_a_rest_in_the_healthy_part_does_not_make_them_deaf(make_series: Any) -> None:
    level = _level((250, 1.1))
    level[50:100] = 0.01
    level[120] = np.nan
    running = np.flatnonzero(np.arange(300) < 200)
    running = running[((running < 50) | (running >= 100)) & (running != 120)]
    found = _verdicts(make_series(level, ("a_rms",)), running)
    assert found["level mean + 5 sigma"].first_alarm == 252


def test_a_level_that_never_varied_gives_finite_numbers(make_series: Any) -> None:
    found = _verdicts(make_series(np.ones(300), ("a_rms",)))
    assert {v.first_alarm for v in found.values()} == {None}
