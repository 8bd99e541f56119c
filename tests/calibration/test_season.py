"""Whether there is a season is told from healthy windows alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.calibration.prepare import prepare
from edge_agent.calibration.season import FoundSeason, SeasonChoice, averaged, find_season
from edge_agent.pipeline.season import DAY_S, Season
from edge_agent.pipeline.smoothing import SmoothingSpec
from trainer.recipe import load_recipe

NS = 1_000_000_000
MONDAY_NS = 1_704_067_200 * NS  # 2024-01-01 00:00 UTC
DATA = Path(__file__).parents[2].parent / "shared" / "data"
Vectors = NDArray[np.float32]


def _times(days: float, period_s: int = 1800) -> NDArray[np.int64]:
    return MONDAY_NS + period_s * NS * np.arange(round(days * DAY_S / period_s))


def _load(start_ns: NDArray[np.int64], *, weekend: float = 1.0) -> NDArray[np.float64]:
    """A plant's day: 1 at night, 3 in the afternoon; ``weekend`` times that on Saturday, Sunday."""
    day, second = np.divmod((start_ns - MONDAY_NS) // NS, DAY_S)
    course = 2.0 - np.cos(2.0 * np.pi * (second / DAY_S - 1.0 / 8.0))
    return np.where(day % 7 >= 5, weekend * course, course)


def _noise(n: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal(n)


def _seasonal(days: float, *, weekend: float = 1.0, seed: int = 0, noise: float = 0.05) -> Vectors:
    start_ns = _times(days)
    load = _load(start_ns, weekend=weekend)
    n = len(load)
    columns = (load * np.exp(noise * _noise(n, seed)), _noise(n, seed + 1))
    vectors: Vectors = np.stack(columns, axis=1).astype(np.float32)
    return vectors


def _found(vectors: Vectors, start_ns: NDArray[np.int64], **changes: Any) -> FoundSeason:
    found = find_season(SeasonChoice(**changes), vectors, start_ns)
    assert found is not None
    return found


def test_a_daily_course_is_found_and_only_the_features_that_have_one_are_changed() -> None:
    vectors = _seasonal(8)
    found = _found(vectors, _times(8))

    assert (found.spec.period, found.spec.features, found.spec.mode) == ("day", (0,), ("ratio",))
    assert found.spec.bin_s == 1800
    assert found.explained[0] > 0.9
    np.testing.assert_array_equal(found.left[:, 1], vectors[:, 1])
    left = np.log(found.left[:, 0])
    assert left.std() < 0.08
    assert np.median(found.left[:, 0]) == pytest.approx(np.median(vectors[:, 0]), rel=0.1)


def test_a_course_that_adds_is_taken_off_as_a_difference() -> None:
    start_ns = _times(8)
    values = 5.0 * _load(start_ns) - 8.0 + 0.3 * _noise(len(start_ns))
    found = _found(values[:, None].astype(np.float32), start_ns)

    assert found.spec.mode == ("difference",)
    assert (found.left[:, 0] - np.median(values)).std() < 0.6


@pytest.mark.parametrize("weeks", [2, 6])
def test_weekends_of_their_own_are_found_and_days_that_are_alike_share_one_profile(
    weeks: int,
) -> None:
    found = _found(_seasonal(7 * weeks, weekend=0.5), _times(7 * weeks))

    assert found.spec.period == "week"
    days = np.array(found.spec.profile[0]).reshape(7, 48)
    assert len(np.unique(days[:5], axis=0)) == 1
    assert np.median(days[5:] / days[0]) == pytest.approx(0.5, abs=0.05)


def test_a_day_off_among_the_healthy_ones_does_not_shape_the_profile() -> None:
    vectors, start_ns = _seasonal(28, weekend=0.5), _times(28)
    holiday = vectors.copy()
    holiday[8 * 48 : 9 * 48, 0] *= 0.5  # the second Tuesday
    plain, with_holiday = _found(vectors, start_ns).spec, _found(holiday, start_ns).spec

    assert with_holiday.period == plain.period
    np.testing.assert_allclose(with_holiday.profile, plain.profile, rtol=0.06)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["noise", "drift", "random walk"])
def test_a_machine_without_a_season_gets_none(kind: str, seed: int) -> None:
    start_ns = _times(10, 600)
    y = _noise(len(start_ns), seed)
    if kind == "drift":
        y = 0.3 * y + np.linspace(0.0, 5.0, len(y))
    if kind == "random walk":
        y = np.cumsum(y)
    vectors = np.exp(0.02 * y)[:, None].astype(np.float32)
    assert find_season(SeasonChoice(), vectors, start_ns) is None


def test_too_few_days_tell_nothing() -> None:
    assert find_season(SeasonChoice(), _seasonal(6.9), _times(6.9)) is None
    weekly = SeasonChoice(period="week")
    assert find_season(weekly, _seasonal(13.9, weekend=0.5), _times(13.9)) is None
    assert find_season(weekly, _seasonal(14, weekend=0.5), _times(14)) is not None


def test_what_the_windows_just_before_tell_already_is_no_season() -> None:
    """In windows of a minute the day's course is below the noise of any memory of it."""
    start_ns = _times(8, 60)
    vectors = (_load(start_ns) + 0.1 * _noise(len(start_ns)))[:, None].astype(np.float32)
    assert find_season(SeasonChoice(), vectors, start_ns) is None


def test_no_choice_and_windows_longer_than_half_a_day_have_no_season() -> None:
    assert find_season(None, _seasonal(8), _times(8)) is None
    start_ns = _times(60, DAY_S)
    assert find_season(SeasonChoice(), np.ones((60, 1), np.float32), start_ns) is None


def test_a_constant_and_a_column_that_rarely_moves_have_no_season() -> None:
    start_ns = _times(20)
    steps = np.zeros(len(start_ns))
    steps[[100, 300, 301, 700]] = 1.0
    vectors = np.stack((np.full(len(steps), 3.0), steps), axis=1).astype(np.float32)
    assert find_season(SeasonChoice(), vectors, start_ns) is None


def test_windows_are_judged_by_profiles_they_were_not_made_from() -> None:
    """With two weeks, a profile of both would leave less than there will be in the third."""
    vectors, start_ns = _seasonal(14, noise=0.1), _times(14)
    found = _found(vectors, start_ns, period="week", least_explained=0.0)
    later = _seasonal(21, noise=0.1)[14 * 48 :]
    expected = Season(found.spec, 2).remove(later, _times(21)[14 * 48 :])
    own = Season(found.spec, 2).remove(vectors, start_ns)

    spread = [np.log(v[:, 0]).std() for v in (found.left, expected, own)]
    assert spread[0] > 0.95 * spread[1]
    assert spread[2] < 0.7 * spread[1]


def test_an_hour_never_seen_gets_what_its_neighbours_have() -> None:
    start_ns = _times(8)
    second = (start_ns // NS) % DAY_S
    at_work = (second < 3 * 3600) | (second >= 4 * 3600)
    found = _found(_seasonal(8)[at_work], start_ns[at_work])

    profile = np.array(found.spec.profile[0])
    assert min(profile[5], profile[8]) <= profile[6] <= max(profile[5], profile[8])


def test_everything_may_be_said_by_the_recipe_instead() -> None:
    """Mean of weekday and hour, logarithm of the ratio, whatever it explains: as published."""
    start_ns, vectors = _times(21), np.abs(_seasonal(21, weekend=0.5)) + np.float32(0.1)
    found = _found(
        vectors,
        start_ns,
        period="week",
        bin_s=3600,
        mode="ratio",
        statistic="mean",
        least_explained=0.0,
        utc_offset_s=-5 * 3600,
    )
    assert found.spec.features == (0, 1)
    assert found.spec.mode == ("ratio", "ratio")
    assert found.spec.utc_offset_s == -5 * 3600
    at = vectors[(start_ns // NS - 5 * 3600) // 3600 % 168 == 10, 0]
    first = (10 + 3 * 24) % 168  # 1970 began on a Thursday
    assert found.spec.profile[0][first] * np.median(vectors[:, 0]) == pytest.approx(at.mean())


@pytest.mark.parametrize(
    ("features", "average_s", "alpha"),
    [(1, 86_400.0, 2 / 49), (2, 86_400.0, 2 / 49), (5, 86_400.0, 0.4), (1, None, 0.4)],
)
def test_scores_are_averaged_over_a_day_where_most_features_have_a_season(
    features: int, average_s: float | None, alpha: float
) -> None:
    others = np.abs(_noise(8 * 48 * 5).reshape(-1, 5)).astype(np.float32)
    vectors = np.hstack((_seasonal(8)[:, :1], others))[:, :features]
    choice = SeasonChoice(average_s=average_s)
    found = find_season(choice, vectors, _times(8))
    slow = averaged(SmoothingSpec(alpha=0.4, geometric=True, initial=1.0), choice, found)

    assert slow.alpha == pytest.approx(alpha)
    assert slow.initial == 1.0
    assert slow.geometric == (alpha == 0.4)
    plain = averaged(SmoothingSpec(kind="mean"), choice, found)
    assert plain.length == (48 if alpha != 0.4 else 1)


def test_smoothing_that_is_slower_already_or_without_a_season_stays() -> None:
    choice = SeasonChoice(average_s=7200.0)
    smoothing = SmoothingSpec(alpha=0.1, geometric=True)
    found = _found(_seasonal(8), _times(8))
    assert averaged(smoothing, choice, found) is smoothing
    a_sum = SmoothingSpec(kind="cusum", slack=0.5)
    assert averaged(a_sum, SeasonChoice(average_s=86_400.0), found) is a_sum
    assert averaged(smoothing, choice, None) is smoothing


def test_what_is_learned_from_is_without_its_season_and_kept_as_it_came(make_series: Any) -> None:
    start_ns, vectors = _times(8), _seasonal(8)
    series = make_series(vectors, ("a", "b"), period_s=1800.0)
    ready = prepare(load_recipe("default"), series, (0, len(start_ns)))
    assert ready.season is not None
    np.testing.assert_array_equal(ready.vectors, vectors)
    np.testing.assert_array_equal(ready.steady, ready.season.left)
    assert np.abs(ready.scaled[:, 0]).std() < 2.0


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the recordings in ../shared/data")
def test_taxi_rides_have_a_week_and_bearings_have_none() -> None:
    rides = np.genfromtxt(
        DATA / "nab/realKnownCause/nyc_taxi.csv", delimiter=",", skip_header=1, usecols=(1,)
    )[:2579]
    begin = np.datetime64("2014-07-01T00:00:00", "ns").astype(np.int64)
    found = _found(rides[:, None].astype(np.float32), begin + 1800 * NS * np.arange(len(rides)))
    assert (found.spec.period, found.spec.mode) == ("week", ("ratio",))
    assert found.explained[0] > 0.95
    rms = np.genfromtxt(DATA / "ims_2nd_test/ims_2nd_test_features.csv", delimiter=",", names=True)[
        "b1_rms"
    ][:500]
    times = 600 * NS * np.arange(500)
    assert find_season(SeasonChoice(), rms[:, None].astype(np.float32), times) is None
