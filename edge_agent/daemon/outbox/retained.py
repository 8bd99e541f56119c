"""Retained messages on their way: state, of which only the newest of each topic is sent."""

from dataclasses import dataclass

import msgspec

from edge_agent.daemon.messages import Message
from edge_agent.daemon.outbox.entry import Outgoing
from edge_agent.daemon.topics import Kind


@dataclass(slots=True)
class _State:
    """A retained message; the newest of its topic and session has the highest ``seq``."""

    outgoing: Outgoing
    session: str
    seq: int


class Retained:
    """What holds now, by topic. Whoever uses it keeps other threads out."""

    def __init__(self) -> None:
        """Begin without a statement."""
        self._states: dict[str, _State] = {}
        self._unsent: dict[str, None] = {}  # topics in the order of their change

    def __bool__(self) -> bool:
        """Something is to be sent."""
        return bool(self._unsent)

    def state(self, kind: Kind, topic: str, message: Message) -> None:
        """State what holds now, where nothing newer was stated."""
        known = self._states.get(topic)
        if known is not None and known.session == message.session and known.seq > message.seq:
            return  # it went by way of the store, and was overtaken there
        outgoing = Outgoing(kind, topic, msgspec.json.encode(message))
        self._states[topic] = _State(outgoing, message.session, message.seq)
        self._unsent[topic] = None

    def put(self, kind: Kind, topic: str, body: bytes) -> None:
        """State ``body``, whatever it says; nothing has the broker forget what ``topic`` had."""
        self._states[topic] = _State(Outgoing(kind, topic, body), "", 0)
        self._unsent[topic] = None

    def send_again(self) -> None:
        """Send all: the broker may be another one."""
        self._unsent.update(dict.fromkeys(self._states))

    def next(self, wanted: Kind | None = None) -> Outgoing | None:
        """Return what was stated first of those not sent, of one kind where one is ``wanted``."""
        for topic in self._unsent:
            outgoing = self._states[topic].outgoing
            if wanted in (None, outgoing.kind):
                del self._unsent[topic]
                return outgoing
        return None
