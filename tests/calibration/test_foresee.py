import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from edge_agent.calibration.events import Episode, LaneScores, episodes, joint_margins
from edge_agent.calibration.foresee import foresee
from edge_agent.pipeline.alarm import AlarmSpec
from edge_agent.pipeline.budget import DAYS_PER_MONTH, Lane

PERIOD_S = 600.0
PER_DAY = 144


def _lane(scores: NDArray[np.float64], **rule: float) -> LaneScores:
    values = {"k": 2, "n": 3, "close_ratio": 0.6, "close_after": 5} | rule
    return LaneScores(
        Lane(middle=0.0, width=4.0, logarithmic=False),
        AlarmSpec(**values),  # type: ignore[arg-type]
        scores,
    )


def _autoregressive(rng: np.random.Generator, n: int, phi: float) -> NDArray[np.float64]:
    noise = rng.normal(size=n) * np.sqrt(1.0 - phi**2)
    found: NDArray[np.float64] = lfilter([1.0], [1.0, -phi], noise, zi=[phi * rng.normal()])[0]
    return found


def test_events_are_those_of_the_alarm_rule() -> None:
    scores = np.zeros(60)
    scores[10] = 9.0  # one window is not two of three
    scores[[20, 22]] = 8.0
    scores[26:28] = 6.0  # open still: no five calm windows between them
    scores[[45, 46]] = 5.0

    found = episodes([_lane(scores)], 1.0)

    assert found == [Episode(22, 32, 2.0), Episode(46, 51, 1.25)]


def test_an_event_is_open_while_either_detector_alarms() -> None:
    one, other = np.zeros(40), np.zeros(40)
    one[5:8], other[9:12] = 6.0, 7.0
    other[30] = np.nan

    assert [(e.first, e.last) for e in episodes([_lane(one), _lane(other)], 1.0)] == [(6, 16)]


def test_a_margin_is_where_a_window_would_just_open_an_alarm() -> None:
    rng = np.random.default_rng(0)
    scores = rng.exponential(size=200)
    scores[rng.random(200) < 0.1] = np.nan
    lane = _lane(scores)
    margins = joint_margins([lane])

    for index in np.flatnonzero(np.isfinite(margins))[3::17]:
        for margin in (margins[index] * 0.999, margins[index] * 1.001):
            first = [e.first for e in episodes([lane], float(margin))]
            reached = margins[: index + 1] > margin
            assert bool(first and first[0] <= index) == reached.any()


@pytest.mark.parametrize("phi", [0.0, 0.8, 0.95])
@pytest.mark.parametrize("asked", [4.0, 1.0])
def test_the_measured_rate_is_the_budget_within_its_interval(phi: float, asked: float) -> None:
    """Thirty days of six machines each, held against the eleven months that follow."""
    days, later, machines = 30, 335, 6
    measured, low, high = [], [], []
    for seed in range(machines):
        scores = _autoregressive(np.random.default_rng(seed), (days + later) * PER_DAY, phi)
        seen, to_come = scores[: days * PER_DAY], scores[days * PER_DAY :]
        start_ns = (np.arange(len(seen)) * PERIOD_S * 1e9).astype(np.int64)
        tail = foresee([_lane(seen)], start_ns, PERIOD_S).tail
        margins = np.linspace(tail.level, 2.0, 40)
        rates = np.array([tail.rates(float(m)) for m in margins])
        margin = float(np.interp(-np.log(asked), -np.log(rates[:, 0]), margins))
        _, below, above = tail.rates(margin)
        measured.append(len(episodes([_lane(to_come)], margin)) / later * DAYS_PER_MONTH)
        low.append(below)
        high.append(above)

    assert np.mean(low) < np.mean(measured) < np.mean(high)
    assert 0.1 * asked < np.mean(measured) < 1.5 * asked  # normal scores have a lighter tail
    inside = np.mean((np.array(low) <= measured) & (np.array(measured) <= high))
    assert inside >= 0.75


def test_less_healthy_time_leaves_more_room() -> None:
    scores = _autoregressive(np.random.default_rng(5), 60 * PER_DAY, 0.8)
    width = []
    for days in (60, 15, 4, 1):
        start_ns = (np.arange(days * PER_DAY) * PERIOD_S * 1e9).astype(np.int64)
        tail = foresee([_lane(scores[: days * PER_DAY])], start_ns, PERIOD_S).tail
        expected, _, high = tail.rates(1.0)
        width.append(high + expected)

    assert width == sorted(width)


@pytest.mark.parametrize("scores", [np.zeros(500), np.full(500, np.nan), np.zeros(0)])
def test_scores_without_peaks_tell_nothing(scores: NDArray[np.float64]) -> None:
    start_ns = (np.arange(len(scores)) * PERIOD_S * 1e9).astype(np.int64)

    with pytest.raises(ValueError, match="without a peak"):
        foresee([_lane(scores)], start_ns, PERIOD_S)
