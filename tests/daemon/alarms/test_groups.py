import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.daemon.alarms.groups import REACH_S, Groups, Onset, reach_s
from edge_agent.daemon.alarms.messages import Group, Why

NS = 1_000_000_000


@pytest.fixture
def groups() -> Groups:
    return Groups((), lambda utc_ns, asset: f"{utc_ns // NS}/{asset}")


def strike(
    groups: Groups,
    asset: str,
    at_s: float,
    why: Why = "anomaly",
    watched: int = 10,
    reach_s: float = REACH_S,
) -> tuple[str, Group] | None:
    return groups.struck(Onset(asset, why, round(at_s * NS), at_s, reach_s), watched)


def test_three_assets_within_a_minute_have_one_cause(groups: Groups) -> None:
    assert strike(groups, "a", 0.0) is None
    assert strike(groups, "b", 20.0) is None
    change = strike(groups, "c", 40.0, "signal")
    assert change is not None
    event, group = change
    assert (event, group.id, group.watched, group.closed) == ("open", "0/a", 10, None)
    assert [(m.asset, m.why) for m in group.members] == [
        ("a", "anomaly"),
        ("b", "anomaly"),
        ("c", "signal"),
    ]
    assert {name: groups.of(name) for name in "abcd"} == {**dict.fromkeys("abc", "0/a"), "d": None}


@pytest.mark.parametrize(("watched", "needed"), [(3, 3), (15, 3), (16, 4), (50, 10)])
def test_a_fifth_of_many_assets_is_needed_and_never_fewer_than_three(
    groups: Groups, watched: int, needed: int
) -> None:
    changes = [strike(groups, str(n), n, watched=watched) for n in range(needed)]
    assert [change is not None for change in changes] == [False] * (needed - 1) + [True]


def test_what_lies_further_apart_is_chance(groups: Groups) -> None:
    for n, asset in enumerate("abcdefgh"):
        assert strike(groups, asset, n * (REACH_S + 1)) is None


def test_assets_that_are_sampled_rarely_reach_further(groups: Groups) -> None:
    assert reach_s(600.0) == 1200.0
    changes = [strike(groups, name, 500.0 * n, reach_s=1200.0) for n, name in enumerate("abc")]
    assert changes[-1] is not None


def test_one_asset_again_and_again_is_no_group(groups: Groups) -> None:
    assert all(strike(groups, "a", float(n)) is None for n in range(9))


def test_who_is_struck_soon_after_joins_and_who_is_struck_later_does_not(groups: Groups) -> None:
    for asset in "abc":
        strike(groups, asset, 0.0)
    joined = strike(groups, "d", 50.0)
    assert joined is not None
    assert (joined[0], len(joined[1].members)) == ("update", 4)
    assert strike(groups, "e", 200.0) is None
    assert groups.of("e") is None
    for asset in "fg":
        strike(groups, asset, 201.0)
    assert [len(group.members) for group in groups.open] == [4, 3]


def test_it_is_over_when_it_is_for_all(groups: Groups) -> None:
    for asset in "abc":
        strike(groups, asset, 0.0)
    assert [event for event, _ in groups.over("a", "anomaly", 9 * NS)] == ["update"]
    assert groups.over("a", "anomaly", 9 * NS) == []
    assert groups.over("b", "signal", 9 * NS) == []
    assert groups.of("a") is None
    groups.over("b", "anomaly", 9 * NS)
    ((event, group),) = groups.over("c", "anomaly", 10 * NS)
    assert (event, group.closed) == ("close", "1970-01-01T00:00:10.000000Z")
    assert groups.open == []


def test_what_was_over_before_the_third_was_struck_does_not_count(groups: Groups) -> None:
    strike(groups, "a", 0.0)
    groups.over("a", "anomaly", NS)
    strike(groups, "b", 2.0)
    assert strike(groups, "c", 3.0) is None


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.booleans(), st.booleans(), st.floats(0, 90)),
        max_size=40,
    )
)
def test_whatever_comes_a_group_is_as_large_as_it_must_be_and_ends(
    steps: list[tuple[str, bool, bool, float]],
) -> None:
    groups = Groups((), lambda utc_ns, asset: f"{utc_ns}/{asset}")
    at_s = 0.0
    for asset, is_struck, by_signal, later_s in steps:
        at_s += later_s
        why: Why = "signal" if by_signal else "anomaly"
        if is_struck:
            change = strike(groups, asset, at_s, why, watched=6)
            if change is not None:
                assert len({member.asset for member in change[1].members}) >= 3
        else:
            groups.over(asset, why, round(at_s * NS))
        for group in groups.open:
            assert any(not member.over for member in group.members)
    for asset in "abcdef":
        for why in ("signal", "anomaly"):
            groups.over(asset, why, round(at_s * NS))
    assert groups.open == []
