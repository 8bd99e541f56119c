"""One verification at a time: what is trusted is one folder, and two would mix it up."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.disk import Disk, make_folders


class BusyError(Exception):
    """Something is being verified already."""


@contextmanager
def one_at_a_time(folder: Path, disk: Disk) -> Iterator[None]:
    """Keep other processes from verifying below ``folder``, ``{state_dir}/update``.

    Raises:
        BusyError: one does already; its end, whatever that is, lets others in.
        OSError: the disk is full, or not writable.
    """
    make_folders(folder, disk)
    with (folder / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"{folder}: something is being verified already") from None
        yield
