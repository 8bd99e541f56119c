"""The thread that writes to the disk, so that a slow card never holds up the scoring."""

import logging
import queue
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)

_MOMENT_S = 0.01


class Keeper:
    """Runs small jobs one after the other on a thread of its own."""

    def __init__(self) -> None:
        """Prepare."""
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def do(self, job: Callable[[], None]) -> None:
        """Run ``job`` soon; what it raises as OSError is logged."""
        self._jobs.put(job)

    def later(self, job: Callable[[], None]) -> None:
        """Run ``job``, which computes, once what has just been scored is on its way.

        Threads take turns at the interpreter: at once it would hold up that very window's messages.
        """
        self._jobs.put(_wait_a_moment)
        self._jobs.put(job)

    def stop(self, timeout_s: float) -> bool:
        """Do what waits, for at most ``timeout_s``; return whether all is done."""
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except OSError as error:
                _log.warning("cannot be written: %s", error)


def _wait_a_moment() -> None:
    time.sleep(_MOMENT_S)
