"""The log beside the database: what is done with it waits for the disk, and holds up no writer."""

import contextlib
import logging
import os
import sqlite3
from pathlib import Path

_log = logging.getLogger(__name__)

_BUSY_S = 1.0  # somebody else may look at the file for a moment
_TURNS = 5  # where so many do not do, the writer does it itself: see ``Database``


def synchronise(file: Path) -> None:
    """Let all that was committed outlive a power cut; from any thread, holding up no writer.

    Raises:
        OSError: the disk does not take it.
    """
    # SQLite locks the database and its index, never the log: a descriptor more does no harm.
    with contextlib.suppress(FileNotFoundError), _log_of(file).open("rb") as log:
        os.fsync(log.fileno())


def checkpoint(file: Path) -> None:
    """Bring what is in the log into the file, so that the log begins anew; as ``synchronise``.

    It begins anew only with a commit that finds all of it in the file: what was committed
    meanwhile takes another turn, which is shorter.
    """
    where = f"{file.absolute().as_uri()}?mode=rw"
    try:
        with contextlib.closing(sqlite3.connect(where, timeout=_BUSY_S, uri=True)) as connection:
            for _ in range(_TURNS):
                _, pages, done = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if pages == done:
                    break
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
