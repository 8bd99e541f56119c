from collections import Counter

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge_agent.daemon.messages import ModelState
from edge_agent.daemon.outbox import Outbox, Outgoing
from edge_agent.daemon.topics import CARRIAGE, Kind

QUEUED: list[Kind] = ["features", "score", "anomaly"]


def message(seq: int) -> ModelState:
    """Any message will do: the outbox looks at the kind it is put under."""
    return ModelState(
        id=str(seq),
        seq=seq,
        session="s",
        gateway="g",
        start="",
        end="",
        time_quality="unknown",
        asset="a",
        name="n",
        version="1.0.0",
        sha256="",
        begun="empty",
    )


def taken(outbox: Outbox) -> list[Outgoing]:
    return list(iter(outbox.take, None))


def seq_of(outgoing: Outgoing) -> int:
    assert outgoing.message is not None
    return outgoing.message.seq


def test_the_most_important_goes_first_and_the_oldest_of_a_kind() -> None:
    outbox = Outbox(10)
    kinds: list[Kind] = ["features", "score", "anomaly", "score"]
    for seq, kind in enumerate(kinds):
        outbox.put(kind, "t", message(seq))
    assert [seq_of(out) for out in taken(outbox)] == [2, 1, 3, 0]


def test_a_full_outbox_drops_the_oldest_of_the_lowest_kind_and_counts() -> None:
    outbox = Outbox(3)
    kinds: list[Kind] = ["features", "score", "features", "anomaly", "anomaly", "anomaly"]
    for seq, kind in enumerate(kinds):
        outbox.put(kind, "t", message(seq))
    assert [seq_of(out) for out in taken(outbox)] == [3, 4, 5]
    assert outbox.dropped == {"anomaly": 0, "score": 1, "features": 2}


def test_what_is_less_important_than_all_that_waits_is_not_taken_in() -> None:
    outbox = Outbox(1)
    outbox.put("anomaly", "t", message(0))
    outbox.put("score", "t", message(1))
    assert [seq_of(out) for out in taken(outbox)] == [0]


def test_of_a_retained_topic_only_the_newest_is_sent() -> None:
    outbox = Outbox(1)
    outbox.put("alarm", "a", message(0))
    outbox.put("alarm", "a", message(1))
    outbox.put("alarm", "b", message(2))
    assert [(out.topic, seq_of(out)) for out in taken(outbox)] == [("a", 1), ("b", 2)]


def test_a_new_connection_hears_every_retained_message_again() -> None:
    outbox = Outbox(1)
    outbox.put("alarm", "a", message(0))
    outbox.put("model", "b", message(1))
    outbox.connection_began()
    taken(outbox)
    outbox.connection_ended([])
    outbox.connection_began()
    assert [out.topic for out in taken(outbox)] == ["a", "b"]


def test_what_could_not_be_sent_at_once_is_marked_historical() -> None:
    outbox = Outbox(10)
    outbox.put("score", "t", message(0))
    outbox.connection_began()
    outbox.put("score", "t", message(1))
    late, prompt = (msgspec.json.decode(out.payload()) for out in taken(outbox))
    assert (late["historical"], prompt["historical"]) == (True, False)


def test_what_is_retained_is_never_historical() -> None:
    outbox = Outbox(10)
    outbox.put("alarm", "t", message(0))
    assert not msgspec.json.decode(taken(outbox)[0].payload())["historical"]


def test_what_was_not_acknowledged_comes_again_in_order_and_late() -> None:
    outbox = Outbox(10)
    outbox.connection_began()
    for seq in range(4):
        outbox.put("score", "t", message(seq))
    first = [out for out in (outbox.take(), outbox.take(), outbox.take()) if out is not None]
    outbox.settle()
    outbox.connection_ended(first[1:])
    again = taken(outbox)
    assert [seq_of(out) for out in again] == [1, 2, 3]
    assert all(out.late for out in again)


def test_taking_back_does_not_overfill() -> None:
    outbox = Outbox(2)
    outbox.put("score", "t", message(0))
    outbox.put("score", "t", message(1))
    in_flight = taken(outbox)
    outbox.put("anomaly", "t", message(2))
    outbox.connection_ended(in_flight)
    assert [seq_of(out) for out in taken(outbox)] == [2, 1]
    assert outbox.dropped["score"] == 1


def test_it_is_settled_when_all_is_acknowledged() -> None:
    outbox = Outbox(2)
    settled = [outbox.is_settled]
    outbox.put("score", "t", message(0))
    settled.append(outbox.is_settled)
    outbox.take()
    settled.append(outbox.is_settled)
    outbox.settle()
    settled.append(outbox.is_settled)
    assert settled == [True, False, False, True]


@pytest.mark.parametrize("kind", ["score", "alarm"])
def test_every_message_wakes_the_sender(kind: Kind) -> None:
    woken = []
    outbox = Outbox(1, lambda: woken.append(1))
    outbox.put(kind, "t", message(0))
    assert woken == [1]


class OutboxMachine(RuleBasedStateMachine):
    """Whatever happens, every queued message is waiting, in flight, acknowledged or dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.capacity = 5
        self.outbox = Outbox(self.capacity)
        self.seq = 0
        self.put: Counter[str] = Counter()
        self.in_flight: list[Outgoing] = []
        self.acknowledged: Counter[str] = Counter()

    @rule(kind=st.sampled_from(QUEUED))
    def put_one(self, kind: Kind) -> None:
        self.outbox.put(kind, kind, message(self.seq))
        self.seq += 1
        self.put[kind] += 1

    @rule()
    def take_one(self) -> None:
        outgoing = self.outbox.take()
        if outgoing is not None:
            self.in_flight.append(outgoing)

    @rule()
    def acknowledge_one(self) -> None:
        if self.in_flight:
            self.acknowledged[self.in_flight.pop(0).kind] += 1
            self.outbox.settle()

    @rule()
    def lose_the_connection(self) -> None:
        self.outbox.connection_ended(self.in_flight)
        self.in_flight = []

    @rule()
    def connect(self) -> None:
        self.outbox.connection_began()

    @invariant()
    def nothing_is_lost_unseen(self) -> None:
        flying = len(self.in_flight)
        gone = self.acknowledged.total() + sum(self.outbox.dropped.values())
        assert self.put.total() == len(self.outbox) + flying + gone

    @invariant()
    def it_is_never_overfull(self) -> None:
        assert len(self.outbox) <= self.capacity


TestOutboxMachine = OutboxMachine.TestCase


def test_every_kind_is_carried_somehow() -> None:
    assert {kind for kind, carriage in CARRIAGE.items() if not carriage.retained} == set(QUEUED)


def test_what_the_broker_is_to_forget_it_is_told_at_every_connection() -> None:
    outbox = Outbox(10)
    outbox.put("alarm", "t", message(1))
    outbox.clear("alarm", "t")
    for _ in range(2):
        outbox.connection_began()
        (cleared,) = taken(outbox)
        assert (cleared.topic, cleared.payload(), cleared.carriage.retained) == ("t", b"", True)
