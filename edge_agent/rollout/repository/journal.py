"""Who did what when: one JSON object per line, only ever appended to, on the disk on return."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edge_agent.disk import append_line
from edge_agent.rollout.messages import Moment


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line.

    Attributes:
        at: when.
        by: whose command it was.
        action: in the command's words, such as ``publish``.
        facts: what it was about, and what came of it.
    """

    at: Moment
    by: str
    action: str
    facts: dict[str, object] = {}


class Journal:
    """The file; whoever writes to it holds the home folder's lock, or is alone."""

    def __init__(self, file: Path, by: str) -> None:
        """Write for ``by``; the file need not exist yet."""
        self.file = file
        self._by = by

    def write(self, action: str, **facts: object) -> None:
        """Append one entry. Raises OSError."""
        entry = Entry(at=datetime.now(UTC), by=self._by, action=action, facts=facts)
        append_line(self.file, msgspec.json.encode(entry), durable=True)

    def entries(self) -> list[Entry]:
        """Return all entries, oldest first; a line that was torn is skipped. Raises OSError."""
        try:
            lines = self.file.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            try:
                found.append(msgspec.json.decode(line, type=Entry))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
        return found
