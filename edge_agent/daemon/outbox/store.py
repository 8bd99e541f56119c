"""The thread that alone writes the database."""

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge_agent.daemon.config.settings import OutboxSettings
from edge_agent.daemon.ledger import Ledger, StoreState
from edge_agent.daemon.outbox.entry import Batch, Mark, Outgoing
from edge_agent.daemon.outbox.layout import FILE_NAME
from edge_agent.daemon.outbox.outbox import Outbox
from edge_agent.daemon.outbox.place import Place
from edge_agent.daemon.outbox.shelter import FAILURES, Shelter
from edge_agent.daemon.outbox.write_ahead_log import checkpoint, log_bytes, synchronise
from edge_agent.daemon.recorder.rows import RecordedRow
from edge_agent.daemon.topics import Kind

EXPIRE_EVERY_S = 60.0
CHECKPOINT_EVERY_S = 60.0
LOOK_AT_LOG_EVERY_S = 2.0
LOG_BYTES = 4 << 20
_HOUR_S = 3600.0


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
        self._sync_due_s: float | None = None
        self._expire_due_s = self._checkpoint_due_s = self._look_at_log_due_s = 0.0
        self._connection = 0
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._shelter = Shelter(outbox, self._file, now_s, self.ledger, self.state)

    def mark(self, asset: str) -> Mark | None:
        """Return how far ``asset`` has come, under whatever bundle; from any thread."""
        return self._shelter.marks.get(asset)

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
        if self._now_s() >= self._shelter.retry_due_s:
            self._shelter.return_to_disk()
        batch = self._outbox.collect()
        messages = self._commit(batch)
        self._outbox.stored(batch, messages)
        self._load()
        self._keep_up()
        self.state.bytes = self._place.size

    @property
    def _place(self) -> Place:
        return self._shelter.place

    def _run(self) -> None:
        while self._outbox.wait_for_work(self._idle_s()):
            self.step()
        self._end()

    def _end(self) -> None:
        self.step()
        try:
            if not self._place.in_memory:
                self._place.database.write_age(durable=True)
        except FAILURES as failure:
            self._shelter.note(failure)
        self._place.database.close()

    def _idle_s(self) -> float:
        due_s = [self._expire_due_s, self._shelter.retry_due_s]
        if self._sync_due_s is not None:
            due_s.append(self._sync_due_s)
        return max(0.0, min(due_s) - self._now_s())

    def _commit(self, batch: Batch) -> list[Outgoing]:
        """Commit in this place, or in the next one where this one fails."""
        for row in batch.rows:  # so that whatever a mark holds is remembered
            self._record(row)
        while True:
            self._shelter.set_apart_owed(batch)
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
            except FAILURES as failure:
                self._shelter.change(failure, batch)
                continue
            self._shelter.marks.update(batch.marks)
            if expiring:
                self._expire_due_s = self._now_s() + EXPIRE_EVERY_S
            if self._sync_due_s is None and not self._place.in_memory:
                self._sync_due_s = self._now_s() + self._settings.sync_s
            return messages

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
            except FAILURES as failure:
                self._shelter.change(failure, Batch())
                continue
            self._outbox.load(kind, connection, backlog, all_of_it=is_all)

    def _keep_up(self) -> None:
        """Have done beside what waits for the disk: a card may take a second for it."""
        now_s = self._now_s()
        if self._place.in_memory:
            self._sync_due_s = None
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
        except FAILURES as failure:
            self._shelter.change(failure, Batch())
            return
        self._in_background(partial(synchronise, self._file))
        if now_s >= self._checkpoint_due_s:
            self._checkpoint_due_s = now_s + CHECKPOINT_EVERY_S
            self._in_background(partial(checkpoint, self._file))
