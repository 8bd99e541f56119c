"""What came but is no feature message: set aside for a person to look at, a JSON object a line."""

import time
from pathlib import Path

import msgspec

from edge_agent.bundle.times import rfc3339
from edge_agent.disk import append_line

LARGEST_FILE = 64 * 1024 * 1024
_LARGEST_PAYLOAD = 64 * 1024


class Reject(msgspec.Struct, frozen=True):
    """One line of the file.

    Attributes:
        time: when it came.
        topic: it came on.
        reason: why it is no feature message.
        size: bytes of the payload.
        payload: the first 64 KiB of it; bytes that are no UTF-8 are replaced.
    """

    time: str
    topic: str
    reason: str
    size: int
    payload: str


class Rejects:
    """The file, and the one before it: together they take no more than twice 64 MiB."""

    def __init__(self, path: Path) -> None:
        """Append to ``path``, which need not exist."""
        self._path = path

    def add(self, topic: str, payload: bytes, reason: str) -> None:
        """Write one line, durably. Raises OSError."""
        text = payload[:_LARGEST_PAYLOAD].decode("utf-8", "replace")
        line = msgspec.json.encode(
            Reject(rfc3339(time.time_ns()), topic, reason, len(payload), text)
        )
        if self._path.is_file() and self._path.stat().st_size > LARGEST_FILE:
            self._path.replace(self._path.with_suffix(".old.jsonl"))
        append_line(self._path, line, durable=True)
