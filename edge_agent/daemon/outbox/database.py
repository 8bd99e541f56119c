"""The one SQLite file that holds what waits, the ledger, and how far each asset has come.

Messages are numbered by kind and age, so that one walk along the primary key finds the oldest of
a kind, and no other index has to be written.
"""

import contextlib
import logging
import os
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.ledger import EARLIER, AssetLedger
from edge_agent.daemon.outbox.entry import QUEUED, Mark, asset_of
from edge_agent.daemon.topics import Kind

_log = logging.getLogger(__name__)

FILE_NAME = "outbox.db"
FORMAT = 2  # as user_version; another one is set aside like a damaged file
APPLICATION_ID = 0x65416F62  # "eAob", for file(1)
PAGE = 1024  # about one message; whole pages are what a small change writes to the flash
_PAGE_USED_BY_SQLITE = 4
_ROW_OVERHEAD = 40
_BUSY_S = 1.0  # somebody else may look at the file for a moment
_CHECKPOINT_PAGES = 8192  # by the writer, which waits for it; see ``checkpoint``
_LOG_MAX_BYTES = 1 << 20  # of the write-ahead log, after a checkpoint
_CACHE_KB = 256
_CRC_BYTES = 4
_KIND_SHIFT = 48
# In the numbers of messages, and so in files of earlier versions: what a kind has stays its own.
_RANKS: dict[Kind, int] = {"features": 1, "score": 2, "anomaly": 3, "snapshot": 4, "label": 5}
_KINDS = {rank: kind for kind, rank in _RANKS.items()}
# Statements are fixed: where SQLite finds an error in one, a table or column is not as it was.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_UNREADABLE = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ}

_SCHEMA = f"""
CREATE TABLE message (
    number INTEGER PRIMARY KEY,
    made_s REAL NOT NULL,
    topic TEXT NOT NULL,
    body BLOB NOT NULL,
    crc INTEGER NOT NULL
);
CREATE TABLE asset (
    number INTEGER PRIMARY KEY,
    name TEXT UNIQUE NOT NULL,
    ledger BLOB NOT NULL,
    mark BLOB
);
CREATE TABLE clock (one INTEGER PRIMARY KEY CHECK (one = 1), since TEXT NOT NULL, age_s REAL);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
"""


class DamagedError(Exception):
    """The file is no outbox, or not whole; the message says how."""


class Row(NamedTuple):
    """One message as it is stored: what is read again is sent late, and says so."""

    number: int
    made_s: float
    topic: str
    body: bytes


class Waiting(NamedTuple):
    """What waits in a database.

    Attributes:
        messages: by asset and kind.
        size: bytes by kind, as ``size_of`` counts them.
        newest: the highest number of each kind, where there is one.
    """

    messages: Counter[tuple[str, Kind]]
    size: Counter[Kind]
    newest: dict[Kind, int]


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
            connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
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
                    _sealed(ledger),
                    _sealed(marks[ledger.asset]) if ledger.asset in marks else None,
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


def synchronise(file: Path) -> None:
    """Let all that was committed outlive a power cut; from any thread, holding up no writer.

    Raises:
        OSError: the disk does not take it.
    """
    # SQLite locks the database and its index, never the log: a descriptor more does no harm.
    with contextlib.suppress(FileNotFoundError), _log_of(file).open("rb") as log:
        os.fsync(log.fileno())


def checkpoint(file: Path) -> None:
    """Bring what is in the log into the file, so that the log begins anew; as ``synchronise``."""
    where = f"{file.absolute().as_uri()}?mode=rw"
    try:
        with contextlib.closing(sqlite3.connect(where, timeout=_BUSY_S, uri=True)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    except sqlite3.Error as error:  # the log grows on; the writer sees what is the matter
        _log.info("outbox: %s: no checkpoint: %s", file, error)


def log_bytes(file: Path) -> int:
    """Return how long the log of ``file`` is."""
    try:
        return _log_of(file).stat().st_size
    except OSError:
        return 0


def _log_of(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def numbers_of(kind: Kind) -> tuple[int, int]:
    """Return the numbers of ``kind``: from the first to before the second."""
    rank = _RANKS[kind]
    return rank << _KIND_SHIFT, (rank + 1) << _KIND_SHIFT


def kind_of(number: int) -> Kind:
    """Return the kind of the message with that number."""
    return _KINDS[number >> _KIND_SHIFT]


def size_of(topic: str, body_bytes: int) -> int:
    """Return the bytes that a message takes from the cap: whole pages, as the file has them."""
    content = len(topic) + body_bytes + _ROW_OVERHEAD
    return PAGE * -(-content // (PAGE - _PAGE_USED_BY_SQLITE))


def crc_of(topic: object, body: object) -> int | None:
    """Return what is kept beside a message, to see whether it is still what was written.

    None where topic or body are not even of their type: SQLite's columns are not.
    """
    if not (isinstance(topic, str) and isinstance(body, bytes)):
        return None
    return zlib.crc32(body, zlib.crc32(topic.encode()))


def _sealed(value: msgspec.Struct) -> bytes:
    content = msgspec.msgpack.encode(value)
    return zlib.crc32(content).to_bytes(_CRC_BYTES) + content


def _opened(sealed: object) -> bytes:
    if isinstance(sealed, bytes):
        crc, content = sealed[:_CRC_BYTES], sealed[_CRC_BYTES:]
        if zlib.crc32(content).to_bytes(_CRC_BYTES) == crc:
            return content
    raise DamagedError("what is kept of an asset is not what was written")


def waiting(connection: sqlite3.Connection) -> Waiting:
    """Count what waits, by reading all of it."""
    messages: Counter[tuple[str, Kind]] = Counter()
    size: Counter[Kind] = Counter()
    newest: dict[Kind, int] = {}
    for kind in QUEUED:
        for number, topic, body_bytes in connection.execute(
            "SELECT number, topic, length(body) FROM message WHERE number >= ? AND number < ?",
            numbers_of(kind),
        ):
            if not (isinstance(topic, str) and isinstance(body_bytes, int)):
                raise DamagedError(f"message {number} is not what was written")
            messages[asset_of(topic), kind] += 1
            size[kind] += size_of(topic, body_bytes)
            newest[kind] = number
    return Waiting(messages, size, newest)


def assets(connection: sqlite3.Connection) -> dict[str, tuple[AssetLedger, Mark | None]]:
    """Return what was written of each asset."""
    return {
        name: (_ledger(ledger), _mark(mark))
        for name, ledger, mark in connection.execute("SELECT name, ledger, mark FROM asset")
    }


def _ledger(content: object) -> AssetLedger:
    """Return the counts, also those of a version that did not tell the models apart."""
    ledger = msgspec.msgpack.decode(_opened(content), type=AssetLedger)
    windows = ledger.windows
    if windows.scored and not windows.models:
        windows.models = {EARLIER: windows.scored}
    return ledger


def _mark(content: bytes | None) -> Mark | None:
    """Return the mark; None where another version's flow wrote it, which costs no message."""
    try:
        return None if content is None else msgspec.msgpack.decode(_opened(content), type=Mark)
    except msgspec.MsgspecError as error:
        _log.info("outbox: a mark of another version is not used: %s", error)
        return None


def require_format(connection: sqlite3.Connection) -> None:
    """Raise DamagedError where this is another application's file, or another version's."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if (application, version) != (APPLICATION_ID, FORMAT):
        raise DamagedError(
            f"application_id {application:#x} and user_version {version},"
            f" allowed: {APPLICATION_ID:#x} and {FORMAT}"
        )


@contextmanager
def damage_named() -> Iterator[None]:
    """Raise DamagedError for what SQLite or the decoding says of a damaged file."""
    try:
        yield
    except msgspec.MsgspecError as error:
        raise DamagedError(f"its content cannot be understood: {error}") from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        if code in _UNREADABLE or code & 0xFF in _DAMAGED:
            raise DamagedError(str(error)) from error
        raise
