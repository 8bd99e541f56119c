"""Moves a damaged database out of the way and keeps the last few for whoever looks into them."""

import contextlib
from pathlib import Path

from edge_agent.bundle.times import rfc3339

KEPT = 3
_LOGS = ("-wal", "-shm")


def set_aside(file: Path, wall_ns: int) -> Path:
    """Rename ``file`` to ``*.corrupt-<time>``, remove the oldest of those beyond the last few.

    Args:
        file: a database that nobody has open.
        wall_ns: now, UTC nanoseconds since the Unix epoch.

    Returns:
        The new name.

    Raises:
        OSError: it cannot be renamed.
    """
    stamp = rfc3339(wall_ns).replace(":", "")
    aside = file.with_name(f"{file.name}.corrupt-{stamp}")
    file.rename(aside)
    for end in _LOGS:
        with contextlib.suppress(FileNotFoundError):
            file.with_name(f"{file.name}{end}").rename(aside.with_name(f"{aside.name}{end}"))
    for old in set_aside_files(file)[:-KEPT]:
        for end in ("", *_LOGS):
            old.with_name(f"{old.name}{end}").unlink(missing_ok=True)
    return aside


def set_aside_files(file: Path) -> list[Path]:
    """Return what was set aside of ``file``, oldest first."""
    found = file.parent.glob(f"{file.name}.corrupt-*")
    return sorted(path for path in found if not path.name.endswith(_LOGS))
