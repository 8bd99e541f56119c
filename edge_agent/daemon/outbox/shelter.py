"""Where the store keeps what it has, and what it does when the database fails.

A damaged file is set aside and a new one begun. One that cannot be written, because the disk is
full or has become read-only, is left alone: what comes in waits in memory, within bounds, until
the file can be used again.
"""

import logging
import math
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from edge_agent.daemon.ledger import AssetLedger, Ledger, StoreState
from edge_agent.daemon.outbox.database import Database
from edge_agent.daemon.outbox.entry import QUEUED, Batch, Mark, Outgoing
from edge_agent.daemon.outbox.layout import DamagedError, Row
from edge_agent.daemon.outbox.outbox import Outbox
from edge_agent.daemon.outbox.place import Place
from edge_agent.daemon.outbox.set_aside import set_aside

_log = logging.getLogger(__name__)

IN_MEMORY_MAX_BYTES = 2_000_000
RETRY_S = 5.0
FAILURES = (DamagedError, sqlite3.Error)
_ALL = 1 << 30


class Shelter:
    """The place in use: the file, or memory while there is no usable file."""

    def __init__(
        self,
        outbox: Outbox,
        file: Path,
        now_s: Callable[[], float],
        ledger: Ledger,
        state: StoreState,
    ) -> None:
        """Open ``file``; never fails because of it.

        Args:
            outbox: what is in memory of it moves with the place.
            file: the database.
            now_s: a clock that never goes back.
            ledger: goes on from what the file counts.
            state: told how it goes.
        """
        self.marks: dict[str, Mark] = {}
        self._outbox = outbox
        self._file = file
        self._now_s = now_s
        self._ledger = ledger
        self._state = state
        self._owed: list[Outgoing] = []  # answered by the broker, but not in this place
        self._knows_file = False
        self._retry_due_s = 0.0
        self.place = self._first_place()

    @property
    def retry_due_s(self) -> float:
        """When the file is to be tried again, by the clock given."""
        return self._retry_due_s if self.place.in_memory else math.inf

    def set_apart_owed(self, batch: Batch) -> None:
        """Leave in ``batch`` what was acknowledged of this place, also earlier; owe the rest."""
        answered = [*self._owed, *batch.acknowledged]
        batch.acknowledged = [out for out in answered if out.place is self.place]
        self._owed = [out for out in answered if out.place is not self.place]

    def _first_place(self) -> Place:
        try:
            return self._open()
        except DamagedError as damage:
            self.note(damage)
            try:
                self._set_aside()
                return self._open()
            except (*FAILURES, OSError) as failure:
                self.note(failure)
        except sqlite3.Error as failure:
            self.note(failure)
        return self._memory()

    def _open(self) -> Place:
        """Open the file and read what it counts. Raises DamagedError, sqlite3.Error."""
        database = Database.open_file(self._file, self._now_s, time.time_ns())
        try:
            place = Place(database, self._state.max_bytes, in_memory=False)
            if not self._knows_file:
                self._read_assets(database)
        except BaseException:
            database.close()
            raise
        self._knows_file = True
        self._state.durable = True
        return place

    def _read_assets(self, database: Database) -> None:
        """Go on from what the file counts; add what was counted while it could not be read."""
        written = database.assets()
        meanwhile = {asset.asset: asset for asset in self._ledger.snapshot().assets}
        for name, (ledger, mark) in written.items():
            if mark is not None:
                self.marks.setdefault(name, mark)
            ledger.add(meanwhile.pop(name, AssetLedger(asset=name)))
        ledgers = [ledger for ledger, _ in written.values()]
        self._ledger.begin(database.since, [*ledgers, *meanwhile.values()])

    def _memory(self) -> Place:
        database = Database.in_memory(self._now_s, time.time_ns())
        self._state.durable = False
        self._retry_due_s = self._now_s() + RETRY_S
        if not self._ledger.since:
            self._ledger.since = database.since
        return Place(database, min(IN_MEMORY_MAX_BYTES, self._state.max_bytes), in_memory=True)

    def change(self, failure: Exception, batch: Batch) -> None:
        """Go on elsewhere; ``batch`` is about to be committed there."""
        self.note(failure)
        self.place.database.close()
        if not isinstance(failure, DamagedError):
            self.place = self._memory()
            self._outbox.read_again()
            return
        try:
            self._set_aside()
            self._move(self._open(), batch, file_is_new=True)
        except (*FAILURES, OSError) as next_failure:
            self.note(next_failure)
            self._move(self._memory(), batch, file_is_new=True)

    def return_to_disk(self) -> None:
        """Try the file again, and take all there that waits in memory."""
        self._retry_due_s = self._now_s() + RETRY_S
        is_new = False
        try:
            try:
                place = self._open()
            except DamagedError as damage:
                self.note(damage)
                self._set_aside()
                place, is_new = self._open(), True
            self._move(place, Batch(), file_is_new=is_new)
        except (*FAILURES, OSError) as failure:
            self.note(failure)
            self._state.durable = False
            return
        self._state.problem = None
        _log.info("outbox: %s can be used again", self._file)

    def _move(self, target: Place, batch: Batch, *, file_is_new: bool) -> None:
        """Take to ``target`` what waits in memory, and what was lost with a file where it is held.

        Raises:
            DamagedError, sqlite3.Error: ``target`` does not take it; all is as before.
        """
        source = self.place
        in_memory = [*self._outbox.held(), *self._owed, *batch.acknowledged]
        homeless = [out for out in in_memory if out.place is not source or not source.in_memory]
        rows = _aged(source.database, target.database) if source.in_memory else []
        try:
            numbers = target.take_over(
                rows,
                homeless if file_is_new else [],
                self._ledger,
                self.marks,
                self._outbox.withdraw,
            )
        except FAILURES:
            target.database.close()
            raise
        for out in in_memory:
            if source.in_memory and out.place is source:
                out.number = numbers.get(out.number, 0)
            out.place = target
        source.database.close()
        self.place = target
        self._outbox.read_again()

    def _set_aside(self) -> None:
        """Move the damaged file out of the way. Raises OSError."""
        moved = set_aside(self._file, time.time_ns())
        self._state.set_aside += 1
        _log.error("outbox: %s is damaged and was set aside as %s", self._file, moved.name)

    def note(self, failure: Exception) -> None:
        """Say in the status and, once, in the log what the matter is."""
        problem = f"{self._file}: {failure}"
        if problem != self._state.problem:
            _log.error("outbox: %s", problem)
        self._state.problem = problem


def _aged(source: Database, target: Database) -> list[Row]:
    """Return all that waits in ``source``, with ages by the clock of ``target``."""
    younger_s = target.age_s - source.age_s
    return [
        row._replace(made_s=row.made_s + younger_s)
        for kind in QUEUED
        for row in source.rows(kind, 0, _ALL)
    ]
