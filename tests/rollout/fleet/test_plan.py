import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.rollout.fleet.plan import (
    PlanError,
    divide,
    parse_limit,
    parse_rate,
    parse_waves,
)


def test_waves_say_how_many_have_begun_by_their_end() -> None:
    names = [f"gw-{n}" for n in range(100)]
    waves = divide(names, parse_waves("1, 10%,50%,100%"), "r")
    assert [len(wave) for wave in waves] == [1, 9, 40, 50]
    assert sorted(name for wave in waves for name in wave) == sorted(names)


def test_a_small_fleet_has_fewer_waves() -> None:
    assert [len(w) for w in divide(["a", "b"], parse_waves("1,10%,50%,100%"), "r")] == [1, 1]


def test_who_goes_first_is_drawn_for_each_rollout_and_stays_so() -> None:
    names = [f"gw-{n}" for n in range(50)]
    waves = [(1, False), (100, True)]
    first = {divide(names, waves, f"rollout-{n}")[0] for n in range(20)}
    assert len(first) > 5
    assert divide(reversed(names), waves, "r") == divide(names, waves, "r")


@given(
    st.sets(st.text("abc", min_size=1), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(1, 100), st.booleans()), max_size=5),
)
def test_every_gateway_is_in_exactly_one_wave(
    names: set[str], waves: list[tuple[int, bool]]
) -> None:
    divided = divide(names, [*waves, (100, True)], "r")
    assert sorted(name for wave in divided for name in wave) == sorted(names)
    assert all(divided)


@pytest.mark.parametrize("text", ["", "1", "50%", "100%,1", "0,100%", "1,,100%", "101%,100%", "x"])
def test_other_waves_are_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(PlanError, match="allowed"):
        parse_waves(text)


def test_a_fleet_without_gateways_is_no_rollout() -> None:
    with pytest.raises(PlanError):
        divide([], [(100, True)], "r")


def test_a_limit_is_a_share_of_the_wave_or_a_number() -> None:
    share, number = parse_limit("failed>5%"), parse_limit("timed_out > 3")
    assert (share.broken(5, 100), share.broken(6, 100), share.broken(1, 1)) == (False, True, True)
    assert (number.broken(3, 1000), number.broken(4, 1000)) == (False, True)
    assert [str(share), str(number)] == ["failed>5%", "timed_out>3"]


@pytest.mark.parametrize("text", ["failed", "failed<5%", "offline>1", "failed>-1", "failed>1e9%"])
def test_other_limits_are_refused(text: str) -> None:
    with pytest.raises(PlanError, match="allowed"):
        parse_limit(text)


def test_rates_are_orders_a_minute() -> None:
    assert [parse_rate(text) for text in ("100/min", "5/s", "600/h")] == [100.0, 300.0, 10.0]


@pytest.mark.parametrize("text", ["0/min", "100", "-1/s", "100/day"])
def test_other_rates_are_refused(text: str) -> None:
    with pytest.raises(PlanError, match="allowed"):
        parse_rate(text)
