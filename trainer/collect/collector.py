"""The loop of ``edge-trainer collect``: receive, keep, acknowledge, write files, come back."""

import logging
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import product

import msgspec

from edge_agent.recordings.stored_labels import StoredLabel
from trainer.collect.connection import (
    Broker,
    Connection,
    ConnectionFailed,
    Protocol,
    Received,
)
from trainer.collect.journal import Arrival
from trainer.collect.labels import checked_label
from trainer.collect.message import MessageError, checked
from trainer.collect.store import Store

_log = logging.getLogger(__name__)

_TURN_S = 0.5
_TIDY_EVERY_S = 5.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_STABLE_S = 10.0  # a connection that ends sooner does not reset the wait


class Wanted(msgspec.Struct, frozen=True):
    """What to collect, and until when.

    Attributes:
        root: first levels of every topic.
        gateways: names; empty: all.
        assets: names; empty: all.
        for_s: seconds to go on for.
        messages: new ones to end after.
    """

    root: str = "edge/v1"
    gateways: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    for_s: float = math.inf
    messages: int | None = None

    @property
    def filters(self) -> list[str]:
        """Topic filters that match these messages."""
        pairs = product(self.gateways or ("+",), self.assets or ("+",))
        return [
            f"{self.root}/{gateway}/{asset}/{kind}"
            for gateway, asset in pairs
            for kind in ("features", "label")
        ]


class Counts(msgspec.Struct):
    """What was collected.

    Attributes:
        stored: new messages.
        labels: new labels of anomalies.
        duplicates: messages that were there already.
        rejected: what was no feature message and no label.
        connections: to the broker.
        protocol: of the last one.
    """

    stored: int = 0
    labels: int = 0
    duplicates: int = 0
    rejected: int = 0
    connections: int = 0
    protocol: Protocol | None = None


class Collector:
    """Fills one store from one broker."""

    def __init__(self, store: Store, broker: Broker, wanted: Wanted) -> None:
        """Prepare; ``stop`` may be called at any time, also from a signal's handler."""
        self._store = store
        self._broker = replace(broker, client_id=broker.client_id or store.client_id)
        self._wanted = wanted
        self._stopping = False
        self._tidying: Iterator[None] = iter(())
        self._tidy_due_s = 0.0
        self.counts = Counts()

    def stop(self) -> None:
        """End ``run`` soon."""
        self._stopping = True

    def run(self, progress: Callable[[Counts], None]) -> None:
        """Collect until there is enough, then write what waits.

        The first connection has to come about; one that is lost later is waited for.

        Raises:
            ConnectionFailed: the first connection failed, or the broker refuses later.
            JournalError: the journal cannot be used any more.
            OSError: the store cannot be written.
        """
        end_s = time.monotonic() + self._wanted.for_s
        protocol: Protocol = "5"
        wait_s = _FIRST_WAIT_S
        while not self._is_enough(end_s):
            began_s = time.monotonic()
            try:
                self._connect_and_collect(protocol, end_s, progress)
            except ConnectionFailed as failure:
                if failure.speaks_otherwise:
                    protocol = "3.1.1" if protocol == "5" else "5"
                    if protocol == "3.1.1":
                        continue
                if failure.refused or not self.counts.connections:
                    raise
                _log.warning("%s", failure)
                if time.monotonic() - began_s > _STABLE_S:
                    wait_s = _FIRST_WAIT_S
                self._pause(random.uniform(0.0, wait_s), end_s)  # noqa: S311 - spreads load
                wait_s = min(2.0 * wait_s, _LONGEST_WAIT_S)
        self._store.write_all()
        progress(self.counts)

    def _connect_and_collect(
        self, protocol: Protocol, end_s: float, progress: Callable[[Counts], None]
    ) -> None:
        with closing(Connection(self._broker, protocol)) as connection:
            connection.open()
            former = self._store.subscribed
            # Noted before it is asked for: whoever is killed in between must be able to undo it.
            self._store.subscribed = tuple(dict.fromkeys((*former, *self._wanted.filters)))
            connection.subscribe(self._wanted.filters, former)
            self._store.subscribed = tuple(self._wanted.filters)
            self.counts.connections += 1
            self.counts.protocol = protocol
            where = f"{self._broker.host}:{self._broker.port}, MQTT {protocol}"
            _log.info("connected to %s", where)
            if former and not connection.resumed:
                _log.warning("%s: the broker had kept no session: there may be a gap", where)
            while not self._is_enough(end_s):
                left_s = min(_TURN_S, max(0.0, end_s - time.monotonic()))
                received = connection.receive(0.0 if self._tidy() else left_s)
                if received:
                    connection.acknowledge(self._keep(received))
                    progress(self.counts)

    def _keep(self, received: Sequence[Received]) -> Sequence[Received]:
        """Make ``received`` safe; return what may be acknowledged."""
        arrivals: list[Arrival] = []
        positions: list[int] = []
        rejected: list[tuple[int, str]] = []
        labels: list[tuple[int, StoredLabel]] = []
        for position, message in enumerate(received):
            try:
                if message.topic.endswith("/label"):
                    root, payload = self._wanted.root, message.payload
                    labels.append((position, checked_label(root, message.topic, payload)))
                    continue
                found = checked(self._wanted.root, message.topic, message.payload)
            except MessageError as error:
                rejected.append((position, str(error)))
                continue
            arrivals.append(Arrival(found.id, found.place, message.payload))
            positions.append(position)
        wanted = self._wanted.messages
        room = len(arrivals) if wanted is None else wanted - self.counts.stored
        new, dealt_with = self._store.add(arrivals, room)
        self.counts.stored += new
        self.counts.duplicates += dealt_with - new
        end = len(received) if dealt_with == len(arrivals) else positions[dealt_with]
        for position, reason in rejected:
            if position < end:
                self._reject(received[position], reason)
        for position, label in labels:
            if position < end:
                new = self._store.labels.add(label, received[position].payload)
                self.counts.labels += new
                self.counts.duplicates += not new
        return received[:end]

    def _reject(self, message: Received, reason: str) -> None:
        self.counts.rejected += 1
        _log.warning("%s: no feature message and no label: %s", message.topic, reason)
        self._store.rejects.add(message.topic, message.payload, reason)

    def _tidy(self) -> bool:
        """Write one file, where one is due; return whether there may be another."""
        now_s = time.monotonic()
        if now_s >= self._tidy_due_s:
            self._tidying = self._store.tidy()
            self._tidy_due_s = math.inf
        if next(self._tidying, self) is None:
            return True
        if self._tidy_due_s == math.inf:
            self._tidy_due_s = time.monotonic() + _TIDY_EVERY_S
        return False

    def _pause(self, wait_s: float, end_s: float) -> None:
        until_s = min(time.monotonic() + wait_s, end_s)
        while not self._stopping and (left_s := until_s - time.monotonic()) > 0.0:
            time.sleep(min(left_s, _TURN_S))

    def _is_enough(self, end_s: float) -> bool:
        wanted = self._wanted.messages
        enough = wanted is not None and self.counts.stored >= wanted
        return self._stopping or enough or time.monotonic() >= end_s
