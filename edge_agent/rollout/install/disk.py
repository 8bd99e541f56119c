"""Every change that an installation makes to the disk, one system call at a time.

All of them go through here, so that tests can end the process between any two and take back what
a power cut would: what a method leaves unsaid, the disk does not promise.
"""

import contextlib
import os
import shutil
from pathlib import Path


class Disk:
    """The real one. Every method raises OSError."""

    def make_folder(self, folder: Path) -> None:
        """Create ``folder`` in an existing one; it may be there."""
        folder.mkdir(exist_ok=True)

    def write(self, file: Path, content: bytes) -> None:
        """Write a new file, or over an old one."""
        file.write_bytes(content)

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


def make_folders(disk: Disk, folder: Path) -> None:
    """Create ``folder`` with those it is in, each for good. Raises OSError."""
    if folder.is_dir():
        return
    make_folders(disk, folder.parent)
    disk.make_folder(folder)
    disk.sync(folder.parent)


def replace(disk: Disk, file: Path, content: bytes) -> None:
    """Write ``content`` so that there is the old file or the new one, whenever the power fails.

    Raises:
        OSError: the disk is full, or not writable; the old file stands.
    """
    temporary = file.with_name(f".{file.name}.new")
    try:
        disk.write(temporary, content)
        disk.sync(temporary)
        disk.rename(temporary, file)
    except OSError:
        with contextlib.suppress(OSError):
            disk.remove(temporary)
        raise
    disk.sync(file.parent)


def flip(disk: Disk, link: Path, target: str) -> None:
    """Have ``link`` point to ``target``; at any time it points to the old or to the new one.

    Raises:
        OSError: the disk is full, or not writable; the link is as it was.
    """
    temporary = link.with_name(f".{link.name}.new")
    disk.remove(temporary)
    disk.link(temporary, target)
    disk.rename(temporary, link)
    disk.sync(link.parent)
