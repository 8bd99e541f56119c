from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.rollout.install.states import FOLLOWING, StateError, check_step, is_under_way
from edge_agent.rollout.messages import ENDED, UNSUCCESSFUL, UpdateState

STATES: tuple[UpdateState, ...] = get_args(UpdateState)
states = st.sampled_from(STATES)


@given(states, states)
def test_a_step_is_taken_where_the_order_of_states_knows_it(
    before: UpdateState, after: UpdateState
) -> None:
    if after == before or after in FOLLOWING[before]:
        check_step(before, after, "a reason")
    else:
        with pytest.raises(StateError, match=f"{after} after {before}, allowed: "):
            check_step(before, after, "a reason")


@pytest.mark.parametrize("state", UNSUCCESSFUL)
@pytest.mark.parametrize("reason", [None, ""])
def test_no_update_ends_without_success_and_without_a_reason(
    state: UpdateState, reason: str | None
) -> None:
    with pytest.raises(StateError, match="without a reason"):
        check_step("downloading", state, reason)


@pytest.mark.parametrize("state", STATES)
def test_whatever_an_update_is_at_it_can_fail_and_another_can_begin(state: UpdateState) -> None:
    assert FOLLOWING[state] & {"rejected", "failed"}
    assert "downloading" in FOLLOWING[state]


def test_nothing_is_in_use_that_was_not_verified() -> None:
    """Only from what is staged, tried, committed: and these come from what was verified."""
    assert {state for state in STATES if "committing" in FOLLOWING[state]} == {"staged", "trial"}
    assert {state for state in STATES if "trial" in FOLLOWING[state]} == {"staged"}
    assert {state for state in STATES if "staged" in FOLLOWING[state]} == {"verifying"}


def test_an_update_is_under_way_until_it_has_ended() -> None:
    assert {state for state in STATES if not is_under_way(state)} == {"idle", *ENDED}
