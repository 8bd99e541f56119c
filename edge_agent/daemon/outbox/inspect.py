"""What waits in an outbox and whether it is sound, read while the agent runs or does not."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from edge_agent.daemon.ledger import AssetLedger, LedgerSnapshot, violations
from edge_agent.daemon.messages import Message
from edge_agent.daemon.outbox.contents import Waiting, assets, waiting
from edge_agent.daemon.outbox.entry import QUEUED
from edge_agent.daemon.outbox.layout import (
    FILE_NAME,
    DamagedError,
    crc_of,
    damage_named,
    kind_of,
    numbers_of,
    require_format,
)
from edge_agent.daemon.outbox.set_aside import set_aside_files
from edge_agent.daemon.topics import Kind

_SHOWN = 20  # complaints of SQLite about one file
_BUSY_S = 5.0


class UnavailableError(Exception):
    """There is no outbox, or it cannot be read now; the message says why."""


class KindStats(msgspec.Struct, frozen=True, kw_only=True):
    """What waits of one kind.

    Attributes:
        messages: how many.
        bytes: what they take of the cap.
        oldest_s: seconds that the oldest has waited while the agent ran, None where none waits.
    """

    messages: int
    bytes: int
    oldest_s: float | None


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """What is in an outbox.

    Attributes:
        file: the database.
        file_bytes: it and its log on the disk.
        max_bytes: what messages may take.
        waiting: by kind.
        ledger: per asset, as last committed.
        set_aside: databases that were found damaged, oldest first.
    """

    file: str
    file_bytes: int
    max_bytes: int
    waiting: dict[Kind, KindStats]
    ledger: LedgerSnapshot
    set_aside: tuple[str, ...]


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an outbox is sound.

    Attributes:
        file: the database.
        messages: that were read.
        problems: what is wrong, in sentences; none where all is well.
    """

    file: str
    messages: int
    problems: tuple[str, ...]


def read_stats(state_dir: Path, max_bytes: int) -> Stats:
    """Return what is in the outbox below ``state_dir``.

    Raises:
        UnavailableError: there is none, or it cannot be read.
        DamagedError: it cannot be understood.
    """
    file = state_dir / FILE_NAME
    with _reading(file) as connection:
        found = waiting(connection)
        return Stats(
            file=str(file),
            file_bytes=sum(p.stat().st_size for p in _files(file) if p.exists()),
            max_bytes=max_bytes,
            waiting={kind: _kind_stats(connection, kind, found) for kind in QUEUED},
            ledger=_ledger(connection),
            set_aside=tuple(str(path) for path in set_aside_files(file)),
        )


def check(state_dir: Path) -> Findings:
    """Read everything and hold it against each other: pages, messages, ledger.

    Raises:
        UnavailableError: there is no outbox, or it cannot be read.
    """
    file = state_dir / FILE_NAME
    problems: list[str] = []
    messages = 0
    try:
        with _reading(file) as connection:
            complaints = connection.execute(f"PRAGMA integrity_check({_SHOWN})").fetchall()
            problems += [line for (line,) in complaints if line != "ok"]
            for row in connection.execute("SELECT number, topic, body, crc FROM message"):
                messages += 1
                if (complaint := _complaint(*row)) is not None:
                    problems.append(complaint)
            problems += _contradictions(connection)
    except DamagedError as damage:
        problems.append(str(damage))
    return Findings(file=str(file), messages=messages, problems=tuple(problems))


@contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    """Open for reading only, and see one moment of it throughout."""
    if not file.is_file():
        raise UnavailableError(f"{file}: there is no outbox: no agent has run here")
    try:
        with (
            damage_named(),
            closing(
                sqlite3.connect(
                    f"{file.absolute().as_uri()}?mode=ro",
                    uri=True,
                    timeout=_BUSY_S,
                    isolation_level=None,
                )
            ) as connection,
        ):
            connection.execute("BEGIN")
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if not tables:
                raise UnavailableError(f"{file} is empty: an agent is just beginning it")
            require_format(connection)
            yield connection
    except sqlite3.Error as error:
        raise UnavailableError(f"{file}: {error}") from error


def _files(file: Path) -> list[Path]:
    return [file, file.with_name(f"{file.name}-wal")]


def _ledger(connection: sqlite3.Connection) -> LedgerSnapshot:
    (since,) = connection.execute("SELECT since FROM clock").fetchone()
    return LedgerSnapshot(
        since=since, assets=tuple(ledger for ledger, _ in assets(connection).values())
    )


def _kind_stats(connection: sqlite3.Connection, kind: Kind, found: Waiting) -> KindStats:
    (oldest_s,) = connection.execute(
        "SELECT (SELECT max(age_s, made_s) - made_s FROM clock) FROM message"
        " WHERE number >= ? AND number < ? ORDER BY number LIMIT 1",
        numbers_of(kind),
    ).fetchone() or (None,)
    return KindStats(
        messages=sum(n for (_, counted), n in found.messages.items() if counted == kind),
        bytes=found.size[kind],
        oldest_s=oldest_s,
    )


def _complaint(number: int, topic: str, body: bytes, crc: int) -> str | None:
    """Say what is wrong with a message, None where nothing is."""
    if crc_of(topic, body) != crc:
        return f"message {number} on {topic} is not what was written"
    try:
        message = msgspec.json.decode(body, type=Message)
    except msgspec.MsgspecError as error:
        return f"message {number} on {topic}: {error}"
    kind = topic.rpartition("/")[2]
    tag = message.__struct_config__.tag
    if kind == kind_of(number) and tag == f"edge-agent/{kind}/1":
        return None
    return f"message {number} on {topic} is {tag}"


def _contradictions(connection: sqlite3.Connection) -> list[str]:
    """Hold the ledger against itself and against what waits."""
    ledger = _ledger(connection)
    counted = waiting(connection).messages
    problems = violations(ledger)
    known: dict[str, AssetLedger] = {entry.asset: entry for entry in ledger.assets}
    for name in sorted({*known, *(asset for asset, _ in counted)}):
        for kind in QUEUED:
            entry = known.get(name)
            pending = 0 if entry is None else entry.of(kind).pending
            if pending != counted[name, kind]:
                problems.append(
                    f"{name}: {pending} {kind} messages pending by the ledger,"
                    f" but {counted[name, kind]} wait"
                )
    return problems
