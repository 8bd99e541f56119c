"""What is in memory of the outbox: what has come in, what goes next, what is on its way.

Three threads meet here, and none waits for another: the scoring loop puts, the store collects and
hands on what it has committed, the MQTT thread takes and settles.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from edge_agent.daemon.messages import Message
from edge_agent.daemon.outbox.entry import QUEUED, Batch, Entry, Outgoing
from edge_agent.daemon.outbox.pace import Pace
from edge_agent.daemon.outbox.retained import Retained
from edge_agent.daemon.topics import CARRIAGE, Kind

ARRIVED_MAX = 2000  # messages; only a disk that hangs lets so many wait to be stored
LIVE_MAX = 1000  # messages; what comes faster waits on the disk
BACKLOG_IN_FLIGHT_MAX = 16  # so that a slow broker has room for what is live
ACKNOWLEDGED_TOGETHER_S = 0.05
ANSWERS_MAX = 64  # whoever asks more does not listen

_BY_FALLING_PRIORITY = tuple(reversed(QUEUED))
_STEADY = tuple(kind for kind in _BY_FALLING_PRIORITY if kind != "anomaly")


class Outbox:
    """Messages between the scoring loop, the store and the MQTT thread."""

    def __init__(self, backlog_per_s: float, wake: Callable[[], None] = lambda: None) -> None:
        """Send at most ``backlog_per_s`` of what is late; ``wake`` is called when there is news."""
        self.wake = wake
        self._pace = Pace(backlog_per_s)
        self._work = threading.Condition()
        self._arrived = Batch()
        self._arrived_by_kind = dict.fromkeys(QUEUED, 0)
        self._storing = False
        self._live: dict[Kind, deque[Outgoing]] = {kind: deque() for kind in QUEUED}
        self._loaded: dict[Kind, deque[Outgoing]] = {kind: deque() for kind in QUEUED}
        self._drained = dict.fromkeys(QUEUED, False)  # nothing of it waits on the disk alone
        self._in_flight: set[Outgoing] = set()
        self._answers: deque[Outgoing] = deque()
        self._acknowledged: list[Outgoing] = []
        self._retained = Retained()
        self._connected = False
        self._connections = 0
        self._stopping = False

    # The scoring loop, and whoever has something to state.

    def put(self, entry: Entry) -> None:
        """Take what one window leaves behind; never waits for the disk."""
        with self._work:
            arrived = self._arrived
            counts = arrived.of(entry.asset)
            counts.windows.add(entry.windows)
            if entry.mark is not None:
                arrived.marks[entry.asset] = entry.mark
            if entry.row is not None:
                arrived.rows.append(entry.row)
            if entry.stored is not None:
                arrived.stored.append(entry.stored)
            for kind, topic, message in entry.messages:
                if CARRIAGE[kind].retained:
                    arrived.states.append((kind, topic, message))
                    continue
                counts.of(kind).queued += 1
                arrived.messages.append((kind, topic, message))
                self._arrived_by_kind[kind] += 1
            while len(arrived.messages) > ARRIVED_MAX:
                self._drop_arrived()
            self._work.notify()

    def state(self, kind: Kind, topic: str, message: Message) -> None:
        """State what holds now; of each topic only the newest is sent."""
        with self._work:
            self._retained.state(kind, topic, message)
        self.wake()

    def answer(self, topic: str, body: bytes, correlation: bytes | None) -> bool:
        """Send an answer while there is a connection; return False where it is not taken."""
        with self._work:
            if not self._connected or len(self._answers) >= ANSWERS_MAX:
                return False
            self._answers.append(Outgoing("reply", topic, body, correlation=correlation))
        self.wake()
        return True

    def state_sealed(self, kind: Kind, topic: str, body: bytes) -> None:
        """State what holds now, signed: it is sent as it is."""
        with self._work:
            self._retained.put(kind, topic, body)
        self.wake()

    def clear(self, kind: Kind, topic: str) -> None:
        """Have the broker forget the retained message of ``topic``."""
        self.state_sealed(kind, topic, b"")

    # The MQTT thread.

    def take(self) -> Outgoing | None:
        """Return the next message to send, or None; it is in flight until settled."""
        with self._work:
            outgoing = self._next(time.monotonic())
            if outgoing is not None:
                self._in_flight.add(outgoing)
            return outgoing

    def pause_s(self) -> float:
        """Return for how long ``take`` holds back what is late, at most."""
        with self._work:
            if any(self._loaded.values()):
                return self._pace.wait_s(time.monotonic())
            return math.inf

    def settle(self, outgoing: Outgoing, *, refused: bool = False) -> None:
        """The broker has acknowledged a message, or refused it for good."""
        with self._work:
            self._in_flight.discard(outgoing)
            if outgoing.place is None:
                return
            outgoing.refused = refused
            self._acknowledged.append(outgoing)

    def connection_began(self) -> None:
        """Send every retained message again; what is committed from now on is live."""
        with self._work:
            self._connected = True
            self._connections += 1
            self._retained.send_again()
            self._work.notify()

    def connection_ended(self) -> None:
        """All that was not acknowledged is backlog now; it waits on the disk."""
        with self._work:
            self._connected = False
            self._in_flight.clear()
            self._answers.clear()
            for kind in QUEUED:
                self._live[kind].clear()
                self._loaded[kind].clear()
                self._drained[kind] = False

    @property
    def is_settled(self) -> bool:
        """Nothing waits and nothing is in flight."""
        with self._work:
            return self._connected and not (
                self._storing
                or self._arrived.messages
                or self._arrived.states
                or self._retained
                or self._answers
                or self._is_sending()
                or not all(self._drained.values())
            )

    # The store.

    def wait_for_work(self, timeout_s: float) -> bool:
        """Wait for something to store or to load; return False when the agent ends.

        An acknowledgement wakes nobody: while any may come, or has, this returns soon enough.
        """
        with self._work:
            if self._acknowledged or self._is_sending():
                timeout_s = min(timeout_s, ACKNOWLEDGED_TOGETHER_S)
            if not self._is_urgent():
                self._work.wait(timeout_s)
            return not self._stopping

    def stop_waiting(self) -> None:
        """Let ``wait_for_work`` return at once from now on."""
        with self._work:
            self._stopping = True
            self._work.notify()

    def collect(self) -> Batch:
        """Return what has come in; it is up to the caller now, until ``stored``."""
        with self._work:
            batch, self._arrived = self._arrived, Batch()
            batch.acknowledged, self._acknowledged = self._acknowledged, []
            self._arrived_by_kind = dict.fromkeys(QUEUED, 0)
            self._storing = True
            return batch

    def stored(self, batch: Batch, messages: Iterable[Outgoing]) -> None:
        """Let ``messages``, which are committed, and the batch's states be sent."""
        with self._work:
            self._storing = False
            for kind, topic, message in batch.states:
                self._retained.state(kind, topic, message)
            room = LIVE_MAX - sum(len(queue) for queue in self._live.values())
            for outgoing in messages:
                if self._connected and room > 0:
                    self._live[outgoing.kind].append(outgoing)
                    room -= 1
                else:
                    self._drained[outgoing.kind] = False
        if batch.states or not batch.is_empty:
            self.wake()
        for stored in batch.stored:
            stored()

    def wanted(self) -> tuple[Kind, int] | None:
        """Return the kind of which more backlog should be loaded, and for which connection."""
        with self._work:
            if not self._connected:
                return None
            for kind in _BY_FALLING_PRIORITY:
                if not self._drained[kind]:
                    return None if self._loaded[kind] else (kind, self._connections)
            return None

    def load(
        self, kind: Kind, connection: int, backlog: list[Outgoing], *, all_of_it: bool
    ) -> None:
        """Take what was ``wanted`` for a connection, where that still stands."""
        with self._work:
            if not self._connected or connection != self._connections:
                return
            self._loaded[kind].extend(backlog)
            self._drained[kind] = all_of_it
        self.wake()

    def held(self) -> list[Outgoing]:
        """Return all stored messages that are in memory: waiting, in flight or acknowledged."""
        with self._work:
            queues = (*self._live.values(), *self._loaded.values())
            waiting = [outgoing for queue in queues for outgoing in queue]
            flying = [outgoing for outgoing in self._in_flight if outgoing.place is not None]
            return [*waiting, *flying, *self._acknowledged]

    def withdraw(self, numbers: Iterable[int]) -> set[int]:
        """Take back messages that are to be evicted; return those that have not been sent yet."""
        wanted = set(numbers)
        with self._work:
            wanted -= {outgoing.number for outgoing in (*self._in_flight, *self._acknowledged)}
            for queues in (self._live, self._loaded):
                for kind, queue in queues.items():
                    if any(outgoing.number in wanted for outgoing in queue):
                        queues[kind] = deque(out for out in queue if out.number not in wanted)
            return wanted

    def read_again(self) -> None:
        """Look for backlog once more: the database has become another one."""
        with self._work:
            self._drained = dict.fromkeys(QUEUED, False)

    def _is_sending(self) -> bool:
        return bool(self._in_flight or any(self._live.values()) or any(self._loaded.values()))

    def _is_urgent(self) -> bool:
        if self._stopping or self._arrived.messages or self._arrived.states or self._arrived.counts:
            return True
        return self._connected and any(
            not self._drained[kind] and not self._loaded[kind] for kind in QUEUED
        )

    def _next(self, now_s: float) -> Outgoing | None:
        may_be_late = any(self._loaded.values()) and self._may_send_backlog(now_s)
        return (
            self._retained.next("status")
            or (self._answers.popleft() if self._answers else None)
            or self._next_event(now_s, may_be_late=may_be_late)
            or self._retained.next()
            or next((live.popleft() for k in _STEADY if (live := self._live[k])), None)
            or next(
                (self._backlog(k, now_s) for k in _STEADY if may_be_late and self._loaded[k]), None
            )
        )

    def _next_event(self, now_s: float, *, may_be_late: bool) -> Outgoing | None:
        """Events of one anomaly must not overtake each other: live ones wait for late ones."""
        if self._loaded["anomaly"]:
            return self._backlog("anomaly", now_s) if may_be_late else None
        if self._drained["anomaly"] and self._live["anomaly"]:
            return self._live["anomaly"].popleft()
        return None

    def _may_send_backlog(self, now_s: float) -> bool:
        flying = sum(outgoing.backlog for outgoing in self._in_flight)
        return flying < BACKLOG_IN_FLIGHT_MAX and self._pace.wait_s(now_s) <= 0.0

    def _backlog(self, kind: Kind, now_s: float) -> Outgoing:
        self._pace.spend(now_s)
        outgoing = self._loaded[kind].popleft()
        if not self._loaded[kind] and not self._drained[kind]:
            self._work.notify()
        return outgoing

    def _drop_arrived(self) -> None:
        kind = next(kind for kind in QUEUED if self._arrived_by_kind[kind])
        messages = self._arrived.messages
        position = next(i for i, message in enumerate(messages) if message[0] == kind)
        _, topic, _ = messages.pop(position)
        self._arrived_by_kind[kind] -= 1
        self._arrived.of(Outgoing(kind, topic, b"").asset).of(kind).evicted += 1
