"""The bounded queue between the scoring loop and the MQTT thread.

When it is full, the oldest message of the lowest kind goes, and is counted. Retained messages
are not queued: of each topic only the newest counts, and it is kept to be sent again whenever a
connection begins, so that a broker which forgot its retained messages learns them anew.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from edge_agent.daemon.messages import Message
from edge_agent.daemon.topics import CARRIAGE, Carriage, Kind


@dataclass(slots=True)
class Outgoing:
    """A message on its way.

    Attributes:
        kind: of the message.
        topic: where it goes.
        message: what is said; None takes a retained message back.
        late: it could not be sent at once.
    """

    kind: Kind
    topic: str
    message: Message | None
    late: bool = False

    @property
    def carriage(self) -> Carriage:
        """How it is carried."""
        return CARRIAGE[self.kind]

    def payload(self) -> bytes:
        """Encode as JSON, marked historical where it is late; nothing takes a message back.

        A retained message states what holds now, whenever it is sent: it is never historical.
        """
        message = self.message
        if message is None:
            return b""
        if self.late and not self.carriage.retained:
            message = msgspec.structs.replace(message, historical=True)
        return msgspec.json.encode(message)


def _by_falling_priority() -> list[Kind]:
    queued = [kind for kind, carriage in CARRIAGE.items() if not carriage.retained]
    return sorted(queued, key=lambda kind: -CARRIAGE[kind].priority)


class Outbox:
    """Messages waiting for the broker, and those it has not acknowledged."""

    def __init__(self, capacity: int, wake: Callable[[], None] = lambda: None) -> None:
        """Hold at most ``capacity`` messages; ``wake`` is called after each that came in."""
        self._capacity = capacity
        self.wake = wake
        self._lock = threading.Lock()
        self._queues: dict[Kind, deque[Outgoing]] = {k: deque() for k in _by_falling_priority()}
        self._retained: dict[str, Outgoing] = {}
        self._unsent_retained: dict[str, None] = {}  # topics in the order of their change
        self._in_flight = 0
        self._connected = False
        self.dropped: dict[str, int] = dict.fromkeys(self._queues, 0)

    def put(self, kind: Kind, topic: str, message: Message) -> None:
        """Take a message from any thread; never blocks."""
        with self._lock:
            outgoing = Outgoing(kind, topic, message, late=not self._connected)
            if outgoing.carriage.retained:
                self._retained[topic] = outgoing
                self._unsent_retained[topic] = None
            else:
                self._queues[kind].append(outgoing)
                if self._waiting() > self._capacity:
                    self._drop_one()
        self.wake()

    def clear(self, kind: Kind, topic: str) -> None:
        """Have the broker forget the retained message of ``topic``."""
        with self._lock:
            self._retained[topic] = Outgoing(kind, topic, None)
            self._unsent_retained[topic] = None
        self.wake()

    def take(self) -> Outgoing | None:
        """Return the next message to send, or None; it is in flight until settled."""
        with self._lock:
            outgoing = self._next()
            if outgoing is not None:
                self._in_flight += 1
            return outgoing

    def settle(self) -> None:
        """The broker has acknowledged (or refused) one message."""
        with self._lock:
            self._in_flight -= 1

    def connection_began(self) -> None:
        """Send every retained message again; what is put from now on is not late."""
        with self._lock:
            self._connected = True
            self._unsent_retained.update(dict.fromkeys(self._retained))

    def connection_ended(self, unacknowledged: Iterable[Outgoing]) -> None:
        """Take back what was in flight, in the order in which it was taken; all waits, late."""
        with self._lock:
            self._connected = False
            self._in_flight = 0
            for outgoing in reversed(list(unacknowledged)):
                if not outgoing.carriage.retained:
                    self._queues[outgoing.kind].appendleft(outgoing)
            for queue in self._queues.values():
                for outgoing in queue:
                    outgoing.late = True
            while self._waiting() > self._capacity:
                self._drop_one()

    @property
    def is_settled(self) -> bool:
        """Nothing waits and nothing is in flight."""
        with self._lock:
            return not (self._waiting() or self._unsent_retained or self._in_flight)

    def __len__(self) -> int:
        """Messages that wait, without the retained ones."""
        with self._lock:
            return self._waiting()

    def _waiting(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    def _next(self) -> Outgoing | None:
        if self._unsent_retained:
            topic = next(iter(self._unsent_retained))
            del self._unsent_retained[topic]
            return self._retained[topic]
        for queue in self._queues.values():
            if queue:
                return queue.popleft()
        return None

    def _drop_one(self) -> None:
        for kind in reversed(self._queues):
            if self._queues[kind]:
                self._queues[kind].popleft()
                self.dropped[kind] += 1
                return
