"""What an outbox holds, read as a whole: when it is opened, and when somebody looks into it."""

import logging
import sqlite3
from collections import Counter
from typing import NamedTuple

import msgspec

from edge_agent.daemon.ledger import EARLIER, AssetLedger
from edge_agent.daemon.outbox.entry import QUEUED, Mark, asset_of
from edge_agent.daemon.outbox.layout import DamagedError, numbers_of, opened, size_of
from edge_agent.daemon.topics import Kind

_log = logging.getLogger(__name__)


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
    ledger = msgspec.msgpack.decode(opened(content), type=AssetLedger)
    windows = ledger.windows
    if windows.scored and not windows.models:
        windows.models = {EARLIER: windows.scored}
    return ledger


def _mark(content: bytes | None) -> Mark | None:
    """Return the mark; None where another version's flow wrote it, which costs no message."""
    try:
        return None if content is None else msgspec.msgpack.decode(opened(content), type=Mark)
    except msgspec.MsgspecError as error:
        _log.info("outbox: a mark of another version is not used: %s", error)
        return None
