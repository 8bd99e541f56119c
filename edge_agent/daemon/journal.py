"""The log as journald takes it: fields beside the text, over its native protocol.

https://systemd.io/JOURNAL_NATIVE_PROTOCOL/: one datagram a message, ``NAME=value`` lines, or the
name, a line break, the length in 64 bits and the value where that has line breaks. The binding of
systemd's own is a C extension without wheels; what is needed of it is below.
"""

import logging
import os
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")
LONGEST_BYTES = 64 << 10  # of a field: a datagram must fit into the socket's buffer
_LENGTH = struct.Struct("<Q")
_PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3}
_CRITICAL = 2
# What a line in the log may carry beside its text, as logging's ``extra``.
FIELDS = ("asset", "event")


class JournalHandler(logging.Handler):
    """Sends records to the journal with the fields ASSET= and EVENT= where they have them."""

    def __init__(self, path: Path = SOCKET) -> None:
        """Send to ``path``."""
        super().__init__()
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(0.0)  # a journal that does not read must not hold up the scoring
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; on standard error where there is no journal any more."""
        text = self.format(record)
        if self._lost:
            text = f"{text} ({self._lost} lines before this one lost: the journal was slow)"
        fields = fields_of(record, text)
        try:
            self._socket.sendto(encode(fields), self._path)
            self._lost = 0
        except BlockingIOError:
            self._lost += 1
        except OSError:  # restarted, say; with the priority as sd-daemon(3) wants it
            sys.stderr.write(f"<{fields['PRIORITY']}>{text}\n")

    def close(self) -> None:
        """Release the socket."""
        self._socket.close()
        super().close()


def fields_of(record: logging.LogRecord, text: str) -> dict[str, str]:
    """Return what the journal is told of ``record``."""
    fields = {
        "MESSAGE": text,
        "PRIORITY": str(_PRIORITIES.get(record.levelname, _CRITICAL)),
        "SYSLOG_IDENTIFIER": "edge-agent",
        "LOGGER": record.name,
        "THREAD_NAME": record.threadName or "",
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        "CODE_FUNC": record.funcName or "",
    }
    for name in FIELDS:
        value = getattr(record, name, None)
        if value is not None:
            fields[name.upper()] = str(value)
    return fields


def encode(fields: Mapping[str, str]) -> bytes:
    """Return ``fields`` as one datagram."""
    parts = []
    for name, value in fields.items():
        raw = value.encode(errors="replace")[:LONGEST_BYTES]
        if b"\n" in raw:
            parts.append(name.encode() + b"\n" + _LENGTH.pack(len(raw)) + raw + b"\n")
        else:
            parts.append(name.encode() + b"=" + raw + b"\n")
    return b"".join(parts)


def goes_to_journal(stream_fd: int, environment: Mapping[str, str] = os.environ) -> bool:
    """Say whether ``stream_fd`` is the stream that systemd connected to the journal.

    ``JOURNAL_STREAM`` alone is inherited by whatever a service starts, redirected or not.
    """
    device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(stream_fd)
    except OSError:
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))
