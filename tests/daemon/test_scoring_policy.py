import pytest

from edge_agent.daemon.config.settings import OnFailure
from edge_agent.daemon.scoring_policy import IN_A_ROW, ScoringPolicy
from edge_agent.daemon.sensors.thread import LONGEST_WAIT_S


def failed(on_failure: OnFailure, given_up: list[str] | None = None) -> ScoringPolicy:
    policy = ScoringPolicy(on_failure, ([] if given_up is None else given_up).append)
    for _ in range(IN_A_ROW):
        assert policy.may_try(100.0)
        assert not policy.has_failed
        policy.failed("it overflowed", 100.0)
    assert policy.has_failed
    return policy


@pytest.mark.parametrize("on_failure", ["retry", "probe"])
def test_it_is_tried_again_later_with_one_window(on_failure: OnFailure) -> None:
    policy = failed(on_failure)
    assert not policy.is_final
    later_s = 100.0 + LONGEST_WAIT_S
    assert policy.may_try(later_s)
    policy.failed("it overflowed", later_s)
    assert policy.has_failed
    policy.worked(later_s + LONGEST_WAIT_S)
    assert policy.may_try(later_s + LONGEST_WAIT_S)


@pytest.mark.parametrize("on_failure", ["error", "ignore"])
def test_it_may_be_for_good(on_failure: OnFailure) -> None:
    given_up: list[str] = []
    policy = failed(on_failure, given_up)
    assert policy.is_final
    assert not policy.may_try(1e9)
    assert given_up == (["it overflowed"] if on_failure == "error" else [])


def test_failures_with_good_windows_between_them_do_not_add_up() -> None:
    policy = ScoringPolicy("ignore", lambda _reason: None)
    for _ in range(10 * IN_A_ROW):
        policy.failed("it overflowed", 0.0)
        policy.worked(0.0)
    assert not policy.has_failed
