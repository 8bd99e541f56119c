"""Threads and file descriptors of this process, to see what a plugin leaves behind."""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_DESCRIPTORS = Path("/proc/self/fd")
_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Footprint:
    """What the process holds at one moment.

    Attributes:
        threads: running threads.
        descriptors: open file descriptors with what they point at.
    """

    threads: frozenset[threading.Thread]
    descriptors: frozenset[tuple[int, str]]

    @classmethod
    def now(cls) -> "Footprint":
        """Look at the process; without /proc the descriptors stay unknown and empty."""
        open_files: set[tuple[int, str]] = set()
        if _DESCRIPTORS.is_dir():
            for link in list(_DESCRIPTORS.iterdir()):
                with suppress(FileNotFoundError):  # the descriptor of this very listing
                    open_files.add((int(link.name), str(link.readlink())))
        return cls(frozenset(threading.enumerate()), frozenset(open_files))

    def left_behind(self, *, patience_s: float = 1.0) -> list[str]:
        """Return what there is now and was not then, waiting for threads on their way out."""
        deadline = time.monotonic() + patience_s
        while True:
            now = Footprint.now()
            left = [f"thread {thread.name!r}" for thread in now.threads - self.threads]
            left += [f"descriptor {fd} ({to})" for fd, to in now.descriptors - self.descriptors]
            if not left or time.monotonic() >= deadline:
                return sorted(left)
            time.sleep(_POLL_S)
