"""The one SQLite file that holds what waits, the ledger, and how far each asset has come.

Messages are numbered by kind and age, so that one walk along the primary key finds the oldest of
a kind, and no other index has to be written.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.ledger import AssetLedger
from edge_agent.daemon.outbox.contents import Waiting, assets, waiting
from edge_agent.daemon.outbox.entry import Mark
from edge_agent.daemon.outbox.layout import (
    PAGE,
    SCHEMA,
    DamagedError,
    Row,
    crc_of,
    damage_named,
    numbers_of,
    require_format,
    sealed,
)
from edge_agent.daemon.topics import Kind

_BUSY_S = 1.0  # somebody else may look at the file for a moment
_CHECKPOINT_PAGES = 8192  # then the writer does it, and waits for the disk: see ``checkpoint``
_LOG_MAX_BYTES = 1 << 20  # of the write-ahead log, after a checkpoint
_CACHE_KB = 256


class Database:
    """An open outbox. Only one thread may use it at a time."""

    def __init__(self, connection: sqlite3.Connection, now_s: Callable[[], float]) -> None:
        """Use ``open_file`` or ``in_memory``."""
        self._connection = connection
        self._now_s = now_s
        since, age_s = connection.execute("SELECT since, age_s FROM clock").fetchone()
        self.since: str = since
        self._age_at_zero_s: float = age_s - now_s()

    @classmethod
    def open_file(cls, path: Path, now_s: Callable[[], float], wall_ns: int) -> "Database":
        """Open ``path``, creating it where there is none.

        Args:
            path: of the file.
            now_s: a clock that never goes back; messages age by it, also over restarts.
            wall_ns: UTC nanoseconds, for the date of a new ledger.

        Raises:
            DamagedError: it is no outbox, or not whole.
            sqlite3.Error: it cannot be opened, read or written.
        """
        connection = sqlite3.connect(
            path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            with damage_named():
                return cls._prepared(connection, now_s, wall_ns)
        except (sqlite3.Error, DamagedError):
            with contextlib.suppress(sqlite3.Error):
                connection.close()
            raise

    @classmethod
    def in_memory(cls, now_s: Callable[[], float], wall_ns: int) -> "Database":
        """Return one that does not outlive the process; arguments as of ``open_file``."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        return cls._prepared(connection, now_s, wall_ns)

    @classmethod
    def _prepared(
        cls, connection: sqlite3.Connection, now_s: Callable[[], float], wall_ns: int
    ) -> "Database":
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_MAX_BYTES}")
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if not tables:
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
        require_format(connection)
        connection.execute(
            "INSERT INTO clock VALUES (1, ?, 0.0) ON CONFLICT DO NOTHING", (rfc3339(wall_ns),)
        )
        return cls(connection, now_s)

    def close(self) -> None:
        """Close; a file is then whole without its log."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    @property
    def age_s(self) -> float:
        """Seconds that this outbox has been in use, over all runs: messages expire by it."""
        return self._age_at_zero_s + self._now_s()

    @contextmanager
    def transaction(self, *, durable: bool) -> Iterator[None]:
        """All that is done inside, or nothing.

        Args:
            durable: what has been committed so far outlives a power cut from the end on; without
                it outlives this process.

        Raises:
            DamagedError: the file is not whole.
            sqlite3.Error: the disk is full, or cannot be written or read.
        """
        execute = self._connection.execute
        with damage_named():
            if durable:
                execute("PRAGMA synchronous = FULL")
            execute("BEGIN IMMEDIATE")
            try:
                yield
                execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    execute("ROLLBACK")
                raise
            finally:
                if durable:
                    execute("PRAGMA synchronous = NORMAL")

    def insert(self, rows: Iterable[Row]) -> None:
        """Add messages, in a transaction."""
        self._connection.executemany(
            "INSERT INTO message VALUES (?, ?, ?, ?, ?)",
            ((*row, crc_of(row.topic, row.body)) for row in rows),
        )

    def delete(self, number: int) -> bool:
        """Remove a message, in a transaction; say whether it was there."""
        return bool(
            self._connection.execute("DELETE FROM message WHERE number = ?", (number,)).rowcount
        )

    def rows(self, kind: Kind, after: int, at_most: int) -> list[Row]:
        """Return the oldest messages of ``kind`` whose number is above ``after``.

        Raises:
            DamagedError: the file is not whole, or a message is not what was written: SQLite
                itself sees only damage to its own structure.
            sqlite3.Error: it cannot be read.
        """
        first, end = numbers_of(kind)
        with damage_named():
            found = self._connection.execute(
                "SELECT number, made_s, topic, body, crc FROM message"
                " WHERE number > ? AND number < ? ORDER BY number LIMIT ?",
                (max(after, first - 1), end, at_most),
            ).fetchall()
        rows = [Row(*row) for *row, _ in found]
        for row, (*_, crc) in zip(rows, found, strict=True):
            if crc_of(row.topic, row.body) != crc:
                raise DamagedError(f"message {row.number} is not what was written")
        return rows

    def waiting(self) -> Waiting:
        """Count what waits, by reading all of it. Raises as ``transaction``."""
        with damage_named():
            return waiting(self._connection)

    def assets(self) -> dict[str, tuple[AssetLedger, Mark | None]]:
        """Return what was written of each asset. Raises as ``transaction``."""
        with damage_named():
            return assets(self._connection)

    def write_assets(self, ledgers: Iterable[AssetLedger], marks: dict[str, Mark]) -> None:
        """Replace what is kept of some assets, in a transaction; without a mark the old stays."""
        self._connection.executemany(
            "INSERT INTO asset (name, ledger, mark) VALUES (?, ?, ?) ON CONFLICT (name)"
            " DO UPDATE SET ledger = excluded.ledger, mark = coalesce(excluded.mark, mark)",
            [
                (
                    ledger.asset,
                    sealed(ledger),
                    sealed(marks[ledger.asset]) if ledger.asset in marks else None,
                )
                for ledger in ledgers
            ],
        )

    def write_since(self, since: str) -> None:
        """Say when counting began, in a transaction."""
        self._connection.execute("UPDATE clock SET since = ?", (since,))
        self.since = since

    def write_age(self, *, durable: bool) -> None:
        """Note how old this outbox is; arguments and errors as of ``transaction``."""
        with self.transaction(durable=durable):
            self._connection.execute("UPDATE clock SET age_s = ?", (self.age_s,))
