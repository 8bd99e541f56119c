"""What was asked of the agent and what became of alarms: a file that is appended to, and bounded.

One JSON object per line; when the file has reached its size it becomes ``audit.jsonl.1``, in place
of the one before. A line that a power cut left torn is skipped.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edge_agent.daemon.commands.requests import Answer, AnyCommand
from edge_agent.disk import append_line

FILE_NAME = "audit.jsonl"
MAX_BYTES = 1_000_000
_TAIL_BYTES = 256_000


class Logged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line.

    Attributes:
        at: when, RFC 3339.
        what: the command, or what happened to an alarm.
        asset: which.
        by: who asked; None where nobody did.
        via: which way in.
        user: id of the local process's user, as the kernel knows it.
        command: as it was asked.
        answer: what became of it.
        anomaly_id: of which.
        note: more on it.
    """

    at: str
    what: str
    asset: str | None = None
    by: str | None = None
    via: str | None = None
    user: int | None = None
    command: AnyCommand | None = None
    answer: Answer | None = None
    anomaly_id: str | None = None
    note: str | None = None


class Audit:
    """The file, for any thread."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        """Keep the file in ``folder``, which need not exist yet; twice ``max_bytes`` in all."""
        self.path = folder / FILE_NAME
        self._older = folder / f"{FILE_NAME}.1"
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def append(self, line: Logged, *, durable: bool) -> None:
        """Write one line; with ``durable`` it is on the disk on return. Raises OSError."""
        data = msgspec.json.encode(line)
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                if self.path.stat().st_size + len(data) >= self._max_bytes:
                    self.path.replace(self._older)
            append_line(self.path, data, durable=durable)

    def last(self, n: int, asset: str | None = None) -> list[Logged]:
        """Return the last ``n`` lines, oldest first, of ``asset`` where it is named."""
        with self._lock:
            lines = [*self._lines(self._older), *self._lines(self.path)]
        return [line for line in lines if asset in (None, line.asset)][-n:]

    def _lines(self, path: Path) -> Iterator[Logged]:
        try:
            with path.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
                raw = file.read()
        except OSError:
            return
        for line in raw.split(b"\n"):
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                yield msgspec.json.decode(line, type=Logged)
