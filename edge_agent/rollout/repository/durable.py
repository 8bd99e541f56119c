"""Files that are there whole, or not at all, after a power cut."""

import contextlib
import os
from pathlib import Path

PRIVATE = 0o600
READABLE = 0o644


def write_durably(file: Path, content: bytes, mode: int = READABLE) -> None:
    """Put ``content`` in place of ``file``; its folders are made where they are missing.

    On return file and name are on the disk. A reader sees the old content or the new.

    Raises:
        OSError: the disk is full, or not writable.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.part")
    try:
        # Made anew with its mode: a private key is at no time readable by others.
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        temporary.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in ``folder`` on the disk on return. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
