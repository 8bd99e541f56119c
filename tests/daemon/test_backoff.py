from edge_agent.daemon.backoff import Backoff


def test_waits_are_spread_from_zero_to_a_bound_that_doubles_up_to_the_longest() -> None:
    draws = []
    for _ in range(500):
        backoff = Backoff(1.0, 5.0)
        draws.append([backoff.next_wait_s() for _ in range(5)])
    for column, bound in zip(zip(*draws, strict=True), (1.0, 2.0, 4.0, 5.0, 5.0), strict=True):
        assert 0.0 <= min(column) < 0.1 * bound
        assert 0.9 * bound < max(column) <= bound


def test_success_begins_anew() -> None:
    backoff = Backoff(1.0, 60.0)
    for _ in range(10):
        backoff.next_wait_s()
    backoff.reset()
    assert backoff.next_wait_s() <= 1.0
