"""What has been received but is not in a Parquet file yet, and the ids of all that ever was.

One SQLite file. A message is safe, and may be acknowledged, once ``add`` has returned. Files are
written in three steps, so that a kill between any two of them loses and doubles nothing:

1. the journal names the file, the rows that go into it and the files that it replaces (``plan``),
2. the file is written under another name and renamed,
3. the rows, the replaced files and the plan are forgotten (``done``).

Whatever plan is found at the start is carried out again: the file it names comes out the same.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from trainer.collect.message import Place

_VERSION = 1
_DIGEST_BYTES = 16
_TABLES = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE seen (id BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE plan (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway TEXT NOT NULL, asset TEXT NOT NULL, day TEXT NOT NULL, replaces TEXT NOT NULL
);
CREATE TABLE waiting (
    number INTEGER PRIMARY KEY,
    gateway TEXT NOT NULL, asset TEXT NOT NULL, day TEXT NOT NULL,
    since_s REAL NOT NULL, plan INTEGER, payload BLOB NOT NULL
);
CREATE INDEX waiting_place ON waiting (plan, gateway, asset, day, since_s);
CREATE TABLE scattered (
    gateway TEXT NOT NULL, asset TEXT NOT NULL, day TEXT NOT NULL, files INTEGER NOT NULL,
    PRIMARY KEY (gateway, asset, day)
) WITHOUT ROWID;
"""


class JournalError(Exception):
    """The journal cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that was found to be one."""

    id: str
    place: Place
    payload: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """A Parquet file that is to be written.

    Attributes:
        number: of the file; none is used twice in a store.
        replaces: names of files in the same folder whose rows it takes over; then it takes none
            from the journal.
    """

    number: int
    place: Place
    replaces: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the file."""
        return f"part-{self.number:08d}.parquet"


@dataclass(frozen=True, slots=True)
class Backlog:
    """Rows of one place that wait for a file."""

    place: Place
    rows: int
    since_s: float


class Journal:
    """The open journal of a store."""

    def __init__(self, path: Path) -> None:
        """Open ``path``, or begin it.

        Raises:
            JournalError: damaged, or of another version.
        """
        self._path = path
        with self._explained():
            self._db = sqlite3.connect(path, isolation_level=None)
            # Durable before it is acknowledged: WAL is synced with every commit.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            self.is_new = version == 0
            if self.is_new:
                self._db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT")
            elif version != _VERSION:
                raise JournalError(f"{path}: has version {version}, allowed: {_VERSION}")

    def close(self) -> None:
        """Close it; nothing is lost without."""
        self._db.close()

    def fact(self, name: str, default: str) -> str:
        """Return what was kept under ``name``; the first time keep ``default``."""
        with self._explained():
            self._db.execute("INSERT OR IGNORE INTO fact VALUES (?, ?)", (name, default))
            found = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return str(found[0])

    def keep_fact(self, name: str, value: str) -> None:
        """Keep ``value`` under ``name``."""
        with self._explained():
            self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    def add(self, arrivals: Iterable[Arrival], now_s: float, room: int) -> tuple[int, int]:
        """Make messages safe, those whose id is new, until ``room`` of them were.

        Args:
            arrivals: in the order they came.
            now_s: when, seconds since 1970.
            room: stop before a further new one.

        Returns:
            How many were new, and how many arrivals are dealt with.
        """
        new = dealt_with = 0
        with self._transaction():
            for arrival in arrivals:
                if new == room:
                    break
                found = self._db.execute(
                    "INSERT OR IGNORE INTO seen VALUES (?)", (_digest(arrival.id),)
                )
                if found.rowcount:
                    place = arrival.place
                    self._db.execute(
                        "INSERT INTO waiting (gateway, asset, day, since_s, payload)"
                        " VALUES (?, ?, ?, ?, ?)",
                        (place.gateway, place.asset, place.day, now_s, arrival.payload),
                    )
                    new += 1
                dealt_with += 1
        return new, dealt_with

    def know(self, ids: Iterable[str]) -> None:
        """Take ids as seen, whose rows are in files already."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO seen VALUES (?)", ((_digest(one),) for one in ids)
            )

    def number_from(self, last: int) -> None:
        """Use no number up to ``last`` for a file."""
        with self._explained():
            self._db.execute("DELETE FROM sqlite_sequence WHERE name = 'plan'")
            self._db.execute("INSERT INTO sqlite_sequence VALUES ('plan', ?)", (last,))

    def backlogs(self) -> list[Backlog]:
        """Return the places whose rows wait for a file."""
        with self._explained():
            found = self._db.execute(
                "SELECT gateway, asset, day, count(*), min(since_s) FROM waiting"
                " WHERE plan IS NULL GROUP BY gateway, asset, day"
            ).fetchall()
        return [Backlog(Place(*row[:3]), row[3], row[4]) for row in found]

    def waiting(self, place: Place, limit: int) -> list[tuple[int, bytes]]:
        """Return the oldest rows of ``place`` that no plan has: number and payload."""
        with self._explained():
            return self._db.execute(
                "SELECT number, payload FROM waiting WHERE plan IS NULL"
                " AND gateway = ? AND asset = ? AND day = ? ORDER BY number LIMIT ?",
                (place.gateway, place.asset, place.day, limit),
            ).fetchall()

    def plan(self, place: Place, rows: Sequence[int], replaces: Sequence[str] = ()) -> Plan:
        """Plan a file of the ``rows`` that wait, or of the files that it ``replaces``."""
        with self._transaction():
            cursor = self._db.execute(
                "INSERT INTO plan (gateway, asset, day, replaces) VALUES (?, ?, ?, ?)",
                (place.gateway, place.asset, place.day, json.dumps(list(replaces))),
            )
            number = int(cursor.lastrowid or 0)
            self._db.executemany(
                "UPDATE waiting SET plan = ? WHERE number = ?", ((number, row) for row in rows)
            )
        return Plan(number, place, tuple(replaces))

    def plans(self) -> list[Plan]:
        """Return what was planned and not done."""
        with self._explained():
            found = self._db.execute("SELECT * FROM plan ORDER BY number").fetchall()
        return [Plan(row[0], Place(*row[1:4]), tuple(json.loads(row[4]))) for row in found]

    def planned_rows(self, plan: Plan) -> list[bytes]:
        """Return the payloads that go into the file of ``plan``."""
        with self._explained():
            found = self._db.execute(
                "SELECT payload FROM waiting WHERE plan = ? ORDER BY number", (plan.number,)
            ).fetchall()
        return [row[0] for row in found]

    def done(self, plan: Plan) -> None:
        """The file of ``plan`` is there, and those that it replaces are not."""
        place = plan.place
        with self._transaction():
            self._db.execute("DELETE FROM waiting WHERE plan = ?", (plan.number,))
            self._db.execute("DELETE FROM plan WHERE number = ?", (plan.number,))
            if not plan.replaces:
                self._db.execute(
                    "INSERT INTO scattered VALUES (?, ?, ?, 1)"
                    " ON CONFLICT DO UPDATE SET files = files + 1",
                    (place.gateway, place.asset, place.day),
                )

    def scattered(self, before: str, files: int) -> list[Place]:
        """Return the places that got files since they were tidied, and are to be merged.

        Args:
            before: days before this one, YYYY-MM-DD, whatever the number of their files.
            files: later days that got more files than this.
        """
        with self._explained():
            found = self._db.execute(
                "SELECT gateway, asset, day FROM scattered WHERE day < ? OR files > ? ORDER BY day",
                (before, files),
            ).fetchall()
        return [Place(*row) for row in found]

    def tidied(self, place: Place) -> None:
        """There is nothing to be done for ``place`` until it gets another file."""
        with self._explained():
            self._db.execute(
                "DELETE FROM scattered WHERE gateway = ? AND asset = ? AND day = ?",
                (place.gateway, place.asset, place.day),
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: cannot be used: {error}") from error


def _digest(message_id: str) -> bytes:
    return hashlib.blake2b(message_id.encode(), digest_size=_DIGEST_BYTES).digest()


def new_client_id() -> str:
    """Return a name for the store's session at the broker."""
    return f"edge-collect-{os.urandom(6).hex()}"
