"""Every change to the disk that must be whole, or outlive a power cut.

Tests end the process between any two calls of ``Disk`` and take back what a power cut would: what
a method of it leaves unsaid, the disk does not promise. A name that begins with a dot is
unfinished.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRIVATE = 0o600
READABLE = 0o644


class Disk:
    """The real one. Every method raises OSError."""

    def make_folder(self, folder: Path) -> None:
        """Create ``folder`` in an existing one; it may be there."""
        folder.mkdir(exist_ok=True)

    def write(self, file: Path, content: bytes, mode: int = READABLE) -> None:
        """Write a new file, of ``mode`` before its first byte is in it."""
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)

    def sync(self, path: Path) -> None:
        """Wait until the content of a file, or the names in a folder, would outlive a power cut."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Give ``source`` another name in the same file system, in place of what has it."""
        source.rename(target)

    def link(self, link: Path, target: str) -> None:
        """Create the symbolic link ``link``."""
        link.symlink_to(target)

    def remove(self, file: Path) -> None:
        """Remove a file or link; it may be gone."""
        file.unlink(missing_ok=True)

    def remove_tree(self, folder: Path) -> None:
        """Remove ``folder`` with all that is in it, one after the other."""
        shutil.rmtree(folder)


DISK = Disk()


def make_folders(folder: Path, disk: Disk = DISK) -> None:
    """Create ``folder`` with those it is in, each for good. Raises OSError."""
    if folder.is_dir():
        return
    make_folders(folder.parent, disk)
    disk.make_folder(folder)
    disk.sync(folder.parent)


def write_durably(file: Path, content: bytes, mode: int = READABLE, disk: Disk = DISK) -> None:
    """Put ``content`` in place of ``file``, which outlives a power cut once this has returned.

    Until then there is the old file or the new one, whenever the power fails, for every reader.

    Args:
        file: its folders are made where they are missing.
        content: all of it.
        mode: of the new file; it is at no time open to more.
        disk: the real one, or a test's.

    Raises:
        OSError: the disk is full, or not writable; the old file stands.
    """
    with replacing(file, durable=True, disk=disk) as new:
        disk.write(new, content, mode)


def replace_file(file: Path, content: bytes) -> None:
    """Put ``content`` in place of ``file``: readers see the old one or the new, never a part.

    For what may be lost in a power cut: nothing is waited for, which spares a gateway's flash.

    Raises:
        OSError: the disk is full, or not writable, or there is no such folder; the old file stands.
    """
    with replacing(file, durable=False) as new:
        DISK.write(new, content)


@contextmanager
def replacing(file: Path, *, durable: bool, disk: Disk = DISK) -> Iterator[Path]:
    """Yield the path of a file to be written, which takes the place of ``file`` at the end.

    Args:
        file: what is to be replaced.
        durable: as ``write_durably``, else as ``replace_file``.
        disk: the real one, or a test's.

    Raises:
        OSError: as there; it names ``file``.
    """
    if durable:
        make_folders(file.parent, disk)
    new = file.with_name(f".{file.name}.new")
    try:
        disk.remove(new)  # left by who was killed, perhaps open to others
        yield new
        if durable:
            disk.sync(new)
        disk.rename(new, file)
    except (Exception, KeyboardInterrupt) as error:
        with contextlib.suppress(OSError):
            disk.remove(new)
        if isinstance(error, OSError) and error.filename == str(new):
            raise OSError(error.errno, error.strerror, str(file)) from error
        raise
    if durable:
        disk.sync(file.parent)  # else the old name may come back


def append_line(file: Path, line: bytes, *, durable: bool) -> None:
    """Append ``line``, which has no end yet, to ``file``, which need not exist.

    What a power cut or a full disk left torn there stays a line of its own.

    Args:
        file: where ``durable``, its folders are made, too.
        line: to be written whole, or torn where this fails.
        durable: it outlives a power cut once this has returned.

    Raises:
        OSError: the disk is full, or not writable.
    """
    if durable:
        make_folders(file.parent)
    with file.open("a+b") as opened:
        end = os.fstat(opened.fileno()).st_size
        if end == 0:  # also where only a later line must last: nobody would sync the name then
            DISK.sync(file.parent)
        is_torn = end > 0 and os.pread(opened.fileno(), 1, end - 1) != b"\n"
        opened.write((b"\n" if is_torn else b"") + line + b"\n")
        opened.flush()
        if durable:
            os.fsync(opened.fileno())


def flip(link: Path, target: str, disk: Disk = DISK) -> None:
    """Have ``link`` point to ``target``; at any time it points to the old or to the new one.

    Raises:
        OSError: the disk is full, or not writable; the link is as it was.
    """
    new = link.with_name(f".{link.name}.new")
    disk.remove(new)
    disk.link(new, target)
    disk.rename(new, link)
    disk.sync(link.parent)
