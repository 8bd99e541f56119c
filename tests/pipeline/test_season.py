"""What is usual at this hour is taken off, and nothing else is touched."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.season import DAY_S, Mode, Season, SeasonSpec, bin_count, bin_of
from edge_agent.pipeline.spec import FlowSpec

NS = 1_000_000_000
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
HOURS = tuple(1.0 + h / 24.0 for h in range(24))


def _ns(moment: datetime) -> int:
    return round(moment.timestamp()) * NS


def _spec(**changes: Any) -> SeasonSpec:
    daily = SeasonSpec(
        period="day",
        bin_s=3600,
        features=(1, 0),
        mode=("ratio", "difference"),
        profile=(HOURS, tuple(10.0 * h for h in range(24))),
    )
    return msgspec.structs.replace(daily, **changes)


def test_a_ratio_is_divided_by_a_difference_subtracted_and_the_rest_left_as_it_is() -> None:
    season = Season(_spec(), 3)
    vector = np.array([100.0, 6.0, 5.0], dtype=np.float32)

    at_midnight = season.remove(vector, _ns(MONDAY))
    at_noon = season.remove(vector, _ns(MONDAY + timedelta(hours=12, minutes=59)))

    np.testing.assert_array_equal(at_midnight, vector)
    np.testing.assert_allclose(at_noon, [100.0 - 120.0, 6.0 / 1.5, 5.0], rtol=1e-6)
    assert at_noon.dtype == np.float32


def test_many_vectors_at_once_are_the_same_bit_for_bit() -> None:
    season = Season(_spec(), 2)
    vectors = np.random.default_rng(1).standard_normal((50, 2)).astype(np.float32)
    starts = _ns(MONDAY) + 2777 * NS * np.arange(50)

    one_by_one = [season.remove(v, int(s)) for v, s in zip(vectors, starts, strict=True)]

    np.testing.assert_array_equal(season.remove(vectors, starts), one_by_one)


@pytest.mark.parametrize(
    ("offset_s", "expected"), [(0, 0), (3600, 1), (-3600, 7 * 24 - 1), (5 * 3600 + 1800, 5)]
)
def test_a_week_begins_on_monday_at_local_midnight(offset_s: int, expected: int) -> None:
    assert bin_of(_ns(MONDAY), "week", 3600, offset_s) == expected


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - given below
    st.sampled_from([60, 900, 1800, 3600, 86_400]),
    st.integers(-12 * 3600, 14 * 3600),
)
def test_bins_are_those_of_the_calendar(moment: datetime, bin_s: int, offset_s: int) -> None:
    local = moment.replace(microsecond=0) + timedelta(seconds=offset_s)
    second = local.hour * 3600 + local.minute * 60 + local.second
    start_ns = _ns(moment.replace(microsecond=0))

    assert bin_of(start_ns, "day", bin_s, offset_s) == second // bin_s
    in_week = (local.weekday() * DAY_S + second) // bin_s
    assert bin_of(start_ns, "week", bin_s, offset_s) == in_week
    assert in_week < bin_count("week", bin_s)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bin_s": 7000}, "bin_s is 7000"),
        ({"bin_s": 0}, "bin_s is 0"),
        ({"mode": ("ratio",)}, "differ in length"),
        ({"features": (), "mode": (), "profile": ()}, "empty"),
        ({"features": (1, 1)}, "each index once"),
        ({"features": (1, -1)}, "each index once"),
        ({"period": "week"}, "holds 24 numbers, allowed: 168"),
        ({"profile": (HOURS, (float("nan"),) * 24)}, "all finite"),
        ({"profile": ((0.0, *HOURS[1:]), HOURS)}, "ratio that is not above 0"),
    ],
)
def test_a_profile_that_leaves_an_hour_out_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        SeasonSpec(**{**msgspec.structs.asdict(_spec()), **changes})


def test_a_season_of_a_feature_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="holds 1, allowed: 0 to 0"):
        Season(_spec(), 1)


def test_in_the_arrow_the_network_and_the_level_see_no_season_and_the_result_does(
    features_flow_spec: FlowSpec,
    model: Model,
    history: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    """A machine that is louder by day scores as one that is always the same."""
    by_hour = tuple(1.0 + 0.8 * (8 <= h < 18) for h in range(24))
    n = len(features_flow_spec.feature_names)
    each: Mode = "ratio"
    season = SeasonSpec(
        period="day",
        bin_s=3600,
        features=tuple(range(n)),
        mode=(each,) * n,
        profile=(by_hour,) * n,
    )
    spec = msgspec.structs.replace(features_flow_spec, season=season)
    usual, louder_by_day = Flow(features_flow_spec, model), Flow(spec, model)

    for i, vector in enumerate(history[1]):
        at = _ns(MONDAY + timedelta(hours=i))
        seen = (vector * np.float32(by_hour[i % 24])).astype(np.float32)
        expected = usual.push_vector(vector, at, at + NS)
        found = louder_by_day.push_vector(seen, at, at + NS)
        assert found.vector is not None
        np.testing.assert_array_equal(found.vector, seen)
        assert found.reason == expected.reason
        if expected.score is not None:
            assert found.score == pytest.approx(expected.score, rel=1e-3)
        assert found.level_score == pytest.approx(expected.level_score, rel=1e-3, abs=1e-4)
        assert found.anomaly == expected.anomaly

    past = list(louder_by_day.scorer.recent)
    warmed = Flow(spec, model)
    warmed.warm_up(past)
    assert [start for start, _ in past][-1] == _ns(MONDAY + timedelta(hours=len(history[1]) - 1))
    assert warmed.judge.level is not None
    assert louder_by_day.judge.level is not None
    np.testing.assert_allclose(
        warmed.judge.level.smoothed, louder_by_day.judge.level.smoothed, rtol=1e-6
    )
