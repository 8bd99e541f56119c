"""How the outbox stands in its file: tables, numbers, sizes, and how damage to it shows."""

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from edge_agent.daemon.topics import Kind

FILE_NAME = "outbox.db"
FORMAT = 2  # as user_version; another one is set aside like a damaged file
APPLICATION_ID = 0x65416F62  # "eAob", for file(1)
PAGE = 1024  # about one message; whole pages are what a small change writes to the flash
_PAGE_USED_BY_SQLITE = 4
_ROW_OVERHEAD = 40
_CRC_BYTES = 4
_KIND_SHIFT = 48
# In the numbers of messages, and so in files of earlier versions: what a kind has stays its own.
_RANKS: dict[Kind, int] = {"features": 1, "score": 2, "anomaly": 3, "snapshot": 4, "label": 5}
_KINDS = {rank: kind for kind, rank in _RANKS.items()}
# Statements are fixed: where SQLite finds an error in one, a table or column is not as it was.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_UNREADABLE = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ}

SCHEMA = f"""
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


def sealed(value: msgspec.Struct) -> bytes:
    """Return what is kept of an asset, so that damage to it shows."""
    content = msgspec.msgpack.encode(value)
    return zlib.crc32(content).to_bytes(_CRC_BYTES) + content


def opened(content: object) -> bytes:
    """Return what was ``sealed``. Raises DamagedError."""
    if isinstance(content, bytes):
        crc, inside = content[:_CRC_BYTES], content[_CRC_BYTES:]
        if zlib.crc32(inside).to_bytes(_CRC_BYTES) == crc:
            return inside
    raise DamagedError("what is kept of an asset is not what was written")


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
