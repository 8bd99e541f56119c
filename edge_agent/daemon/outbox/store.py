"""The thread that alone writes the database, and what it does when the database fails.

A damaged file is set aside and a new one begun. One that cannot be written, because the disk is
full or has become read-only, is left alone: what comes in waits in memory, within bounds, until
the file can be used again.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge_agent.daemon.config.settings import OutboxSettings
from edge_agent.daemon.ledger import AssetLedger, Ledger, StoreState
from edge_agent.daemon.outbox.database import (
    FILE_NAME,
    DamagedError,
    Database,
    Row,
    checkpoint,
    log_bytes,
    synchronise,
)
from edge_agent.daemon.outbox.entry import QUEUED, Batch, Mark, Outgoing
from edge_agent.daemon.outbox.outbox import Outbox
from edge_agent.daemon.outbox.place import Place
from edge_agent.daemon.outbox.set_aside import set_aside
from edge_agent.daemon.recorder.rows import RecordedRow
from edge_agent.daemon.topics import Kind

_log = logging.getLogger(__name__)

IN_MEMORY_MAX_BYTES = 2_000_000
RETRY_S = 5.0
EXPIRE_EVERY_S = 60.0
CHECKPOINT_EVERY_S = 60.0
LOOK_AT_LOG_EVERY_S = 2.0
LOG_BYTES = 4 << 20
_HOUR_S = 3600.0
_ALL = 1 << 30

_FAILURES = (DamagedError, sqlite3.Error)


def boottime_s() -> float:
    """Seconds since the machine started, also those that it slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Store:
    """Keeps on the disk what the outbox takes in, and the ledger with it."""

    def __init__(
        self,
        outbox: Outbox,
        settings: OutboxSettings,
        folder: Path,
        now_s: Callable[[], float] = boottime_s,
        in_background: Callable[[Callable[[], None]], None] = lambda job: job(),
        record: Callable[[RecordedRow], None] = lambda _: None,
    ) -> None:
        """Open the database in ``folder``; never fails because of it.

        Args:
            outbox: what to store.
            settings: its bounds.
            folder: the agent's own.
            now_s: a clock that never goes back.
            in_background: runs what waits for the disk, where that holds up nobody.
            record: remembers a window; it never fails.
        """
        self.ledger = Ledger()
        self._marks: dict[str, Mark] = {}
        self.state = StoreState(max_bytes=round(settings.max_mb * 1e6))
        self._outbox = outbox
        self._settings = settings
        self._time_to_live_s: dict[Kind, float] = {
            "features": settings.features_ttl_h * _HOUR_S,
            "score": settings.score_ttl_h * _HOUR_S,
            "anomaly": settings.anomaly_ttl_h * _HOUR_S,
            "snapshot": settings.snapshot_ttl_h * _HOUR_S,
            "label": settings.anomaly_ttl_h * _HOUR_S,
        }
        self._file = folder / FILE_NAME
        self._now_s = now_s
        self._in_background = in_background
        self._record = record
        self._owed: list[Outgoing] = []  # answered by the broker, but not in this place
        self._knows_file = False
        self._sync_due_s: float | None = None
        self._expire_due_s = self._retry_due_s = 0.0
        self._checkpoint_due_s = self._look_at_log_due_s = 0.0
        self._connection = 0
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._place = self._first_place()

    def mark(self, asset: str) -> Mark | None:
        """Return how far ``asset`` has come, under whatever bundle; from any thread."""
        return self._marks.get(asset)

    def start(self) -> None:
        """Begin to store."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Store what has come in, for at most ``timeout_s``; return whether all is on the disk."""
        self._outbox.stop_waiting()
        if self._thread.ident is None:
            self._end()
        else:
            self._thread.join(timeout_s)
        return not self._thread.is_alive() and self.state.durable

    def step(self) -> None:
        """Do what is to be done now; what the thread does again and again."""
        if self._place.in_memory and self._now_s() >= self._retry_due_s:
            self._return_to_disk()
        batch = self._outbox.collect()
        messages = self._commit(batch)
        self._outbox.stored(batch, messages)
        self._load()
        self._keep_up()
        self.state.bytes = self._place.size

    def _run(self) -> None:
        while self._outbox.wait_for_work(self._idle_s()):
            self.step()
        self._end()

    def _end(self) -> None:
        self.step()
        try:
            if not self._place.in_memory:
                self._place.database.write_age(durable=True)
        except _FAILURES as failure:
            self._note(failure)
        self._place.database.close()

    def _idle_s(self) -> float:
        due_s = [self._expire_due_s]
        if self._sync_due_s is not None:
            due_s.append(self._sync_due_s)
        if self._place.in_memory:
            due_s.append(self._retry_due_s)
        return max(0.0, min(due_s) - self._now_s())

    def _commit(self, batch: Batch) -> list[Outgoing]:
        """Commit in this place, or in the next one where this one fails."""
        for row in batch.rows:  # so that whatever a mark holds is remembered
            self._record(row)
        while True:
            self._set_apart_owed(batch)
            expiring = self._now_s() >= self._expire_due_s
            if batch.is_empty and not expiring:
                return []
            try:
                messages = self._place.commit(
                    batch,
                    self.ledger,
                    self._outbox.withdraw,
                    self._time_to_live_s if expiring else None,
                )
            except _FAILURES as failure:
                self._change_place(failure, batch)
                continue
            self._marks.update(batch.marks)
            if expiring:
                self._expire_due_s = self._now_s() + EXPIRE_EVERY_S
            if self._sync_due_s is None and not self._place.in_memory:
                self._sync_due_s = self._now_s() + self._settings.sync_s
            return messages

    def _set_apart_owed(self, batch: Batch) -> None:
        answered = [*self._owed, *batch.acknowledged]
        batch.acknowledged = [out for out in answered if out.place is self._place]
        self._owed = [out for out in answered if out.place is not self._place]

    def _load(self) -> None:
        """Read backlog for the MQTT thread where it has none left."""
        while (wanted := self._outbox.wanted()) is not None:
            kind, connection = wanted
            if connection != self._connection:
                self._connection = connection
                self._place.read_from_the_start()
            held = {out.number for out in self._outbox.held() if out.place is self._place}
            try:
                backlog, is_all = self._place.backlog(kind, held)
            except _FAILURES as failure:
                self._change_place(failure, Batch())
                continue
            self._outbox.load(kind, connection, backlog, all_of_it=is_all)

    def _keep_up(self) -> None:
        """Have done beside what waits for the disk: a card may take a second for it."""
        now_s = self._now_s()
        if self._place.in_memory:
            return
        if now_s >= self._look_at_log_due_s:
            self._look_at_log_due_s = now_s + LOOK_AT_LOG_EVERY_S
            if log_bytes(self._file) > LOG_BYTES:
                self._checkpoint_due_s = now_s + CHECKPOINT_EVERY_S
                self._in_background(partial(checkpoint, self._file))
        if self._sync_due_s is None or now_s < self._sync_due_s:
            return
        self._sync_due_s = None
        try:
            self._place.database.write_age(durable=False)
        except _FAILURES as failure:
            self._change_place(failure, Batch())
            return
        self._in_background(partial(synchronise, self._file))
        if now_s >= self._checkpoint_due_s:
            self._checkpoint_due_s = now_s + CHECKPOINT_EVERY_S
            self._in_background(partial(checkpoint, self._file))

    # When the database fails.

    def _first_place(self) -> Place:
        try:
            return self._open()
        except DamagedError as damage:
            self._note(damage)
            try:
                self._set_aside()
                return self._open()
            except (*_FAILURES, OSError) as failure:
                self._note(failure)
        except sqlite3.Error as failure:
            self._note(failure)
        return self._memory()

    def _open(self) -> Place:
        """Open the file and read what it counts. Raises DamagedError, sqlite3.Error."""
        database = Database.open_file(self._file, self._now_s, time.time_ns())
        try:
            place = Place(database, self.state.max_bytes, in_memory=False)
            if not self._knows_file:
                self._read_assets(database)
        except BaseException:
            database.close()
            raise
        self._knows_file = True
        self.state.durable = True
        return place

    def _read_assets(self, database: Database) -> None:
        """Go on from what the file counts; add what was counted while it could not be read."""
        written = database.assets()
        meanwhile = {asset.asset: asset for asset in self.ledger.snapshot().assets}
        for name, (ledger, mark) in written.items():
            if mark is not None:
                self._marks.setdefault(name, mark)
            ledger.add(meanwhile.pop(name, AssetLedger(asset=name)))
        ledgers = [ledger for ledger, _ in written.values()]
        self.ledger.begin(database.since, [*ledgers, *meanwhile.values()])

    def _memory(self) -> Place:
        database = Database.in_memory(self._now_s, time.time_ns())
        self.state.durable = False
        self._retry_due_s = self._now_s() + RETRY_S
        self._sync_due_s = None
        if not self.ledger.since:
            self.ledger.since = database.since
        return Place(database, min(IN_MEMORY_MAX_BYTES, self.state.max_bytes), in_memory=True)

    def _change_place(self, failure: Exception, batch: Batch) -> None:
        """Go on elsewhere; ``batch`` is about to be committed there."""
        self._note(failure)
        self._place.database.close()
        if not isinstance(failure, DamagedError):
            self._place = self._memory()
            self._outbox.read_again()
            return
        try:
            self._set_aside()
            self._move(self._open(), batch, file_is_new=True)
        except (*_FAILURES, OSError) as next_failure:
            self._note(next_failure)
            self._move(self._memory(), batch, file_is_new=True)

    def _return_to_disk(self) -> None:
        self._retry_due_s = self._now_s() + RETRY_S
        is_new = False
        try:
            try:
                place = self._open()
            except DamagedError as damage:
                self._note(damage)
                self._set_aside()
                place, is_new = self._open(), True
            self._move(place, Batch(), file_is_new=is_new)
        except (*_FAILURES, OSError) as failure:
            self._note(failure)
            self.state.durable = False
            return
        self.state.problem = None
        _log.info("outbox: %s can be used again", self._file)

    def _move(self, target: Place, batch: Batch, *, file_is_new: bool) -> None:
        """Take to ``target`` what waits in memory, and what was lost with a file where it is held.

        Raises:
            DamagedError, sqlite3.Error: ``target`` does not take it; all is as before.
        """
        source = self._place
        in_memory = [*self._outbox.held(), *self._owed, *batch.acknowledged]
        homeless = [out for out in in_memory if out.place is not source or not source.in_memory]
        rows = _aged(source.database, target.database) if source.in_memory else []
        try:
            numbers = target.take_over(
                rows, homeless if file_is_new else [], self.ledger, self._outbox.withdraw
            )
        except _FAILURES:
            target.database.close()
            raise
        for out in in_memory:
            if source.in_memory and out.place is source:
                out.number = numbers.get(out.number, 0)
            out.place = target
        source.database.close()
        self._place = target
        self._outbox.read_again()

    def _set_aside(self) -> None:
        """Move the damaged file out of the way. Raises OSError."""
        moved = set_aside(self._file, time.time_ns())
        self.state.set_aside += 1
        _log.error("outbox: %s is damaged and was set aside as %s", self._file, moved.name)

    def _note(self, failure: Exception) -> None:
        problem = f"{self._file}: {failure}"
        if problem != self.state.problem:
            _log.error("outbox: %s", problem)
        self.state.problem = problem


def _aged(source: Database, target: Database) -> list[Row]:
    """Return all that waits in ``source``, with ages by the clock of ``target``."""
    younger_s = target.age_s - source.age_s
    return [
        row._replace(made_s=row.made_s + younger_s)
        for kind in QUEUED
        for row in source.rows(kind, 0, _ALL)
    ]
