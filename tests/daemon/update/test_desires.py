import logging
from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge_agent.daemon.mqtt.ear import Heard
from edge_agent.daemon.update.desires import Desires, pause_s, peek
from edge_agent.rollout.fleet.plan import divide
from edge_agent.rollout.messages import (
    DESIRE_BYTES_MAX,
    DESIRE_TYPE,
    SPREAD_MAX_S,
    Desire,
    Order,
    Sealed,
    Terms,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DESIRE = Desire(
    gateway="gw-1", order=Order(generation=1, epoch=2, counter=3), issued=NOW, expires=NOW
)


class Woken:
    def __init__(self) -> None:
        self.times = 0
        self.desires = Desires("edge/v1/desired/gw-1", self.wake)

    def wake(self) -> None:
        self.times += 1


def test_the_newest_is_given_out_once() -> None:
    woken = Woken()
    for payload in (b"old", b"new"):
        woken.desires.take(Heard(payload, retained=True))
    assert woken.times == 2
    assert woken.desires.news() == Heard(b"new", retained=True)
    assert woken.desires.news() is None
    assert woken.desires.wants_retained


def test_an_empty_message_says_nothing() -> None:
    woken = Woken()
    woken.desires.take(Heard(b""))
    assert (woken.times, woken.desires.news(), woken.desires.problem) == (0, None, None)


def test_what_is_too_long_is_told_of_and_not_taken() -> None:
    woken = Woken()
    woken.desires.take(Heard(b"x" * (DESIRE_BYTES_MAX + 1)))
    assert woken.desires.news() is None
    assert "65537 bytes, allowed: 65536" in str(woken.desires.problem)


def test_a_broker_that_refuses_the_subscription_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    desires = Woken().desires
    for _ in range(3):
        desires.subscribed("Not authorized")
    assert len(caplog.records) == 1
    assert desires.problem == "edge/v1/desired/gw-1: the broker refused: Not authorized"
    desires.subscribed(None)
    assert desires.problem is None


def test_a_desire_is_known_again_without_being_believed() -> None:
    sealed = Sealed(payload=msgspec.json.encode(DESIRE), payload_type=DESIRE_TYPE, signatures=())
    assert peek(msgspec.json.encode(sealed)) == DESIRE


@given(st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True), st.floats(0.0, SPREAD_MAX_S))
def test_each_gateway_has_a_moment_of_its_own_within_the_spread(
    gateway: str, spread: float
) -> None:
    terms = Terms(spread_s=spread)
    wanted = replace(DESIRE, gateway=gateway, rollout="press-1", terms=terms)
    assert 0.0 <= pause_s(wanted) <= spread


def test_the_moments_of_a_wave_are_spread_evenly() -> None:
    (wave, *_) = divide((f"gw-{n}" for n in range(1000)), [(100, False), (100, True)], "press-1")
    terms = Terms(spread_s=100.0)
    wanted = (replace(DESIRE, gateway=name, rollout="press-1", terms=terms) for name in wave)
    quarters = Counter(int(pause_s(one) // 25.0) for one in wanted)
    assert set(quarters) == {0, 1, 2, 3}
    assert max(quarters.values()) < 40


@given(st.binary(max_size=200) | st.just(b'{"payload":"e30=","payloadType":"x","signatures":[]}'))
def test_whatever_comes_is_no_desire_and_no_failure(payload: bytes) -> None:
    assert peek(payload) is None


DEEP = b'{"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}"


@pytest.mark.parametrize(
    "envelope",
    [DEEP, msgspec.json.encode(Sealed(payload=DEEP, payload_type=DESIRE_TYPE, signatures=()))],
)
def test_nesting_without_end_is_no_desire_and_no_failure(envelope: bytes) -> None:
    assert len(envelope) <= DESIRE_BYTES_MAX
    assert peek(envelope) is None
