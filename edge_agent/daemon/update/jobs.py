"""Steps on the disk, one at a time on the keeper's thread; their ends come back to the scoring."""

import logging
from collections import deque
from collections.abc import Callable

from edge_agent.rollout.install.place import PlaceError
from edge_agent.rollout.install.states import StateError

_log = logging.getLogger(__name__)

Then = Callable[[str | None], None]


class Jobs:
    """At most one job at a time: what follows depends on how it ended."""

    def __init__(
        self, in_background: Callable[[Callable[[], None]], None], wake: Callable[[], None]
    ) -> None:
        """Prepare.

        Args:
            in_background: runs what waits for the disk, one after the other.
            wake: makes the scoring thread call ``settle`` soon.
        """
        self._in_background = in_background
        self._wake = wake
        self._ended: deque[tuple[Then, str | None]] = deque()
        self.is_busy = False

    def do(self, job: Callable[[], None], then: Then) -> None:
        """Have ``job`` done; ``then`` is told by ``settle``: None, or why it could not be done."""
        self.is_busy = True
        self._in_background(lambda: self._run(job, then))

    @property
    def has_news(self) -> bool:
        """A job has ended that ``settle`` was not called for."""
        return bool(self._ended)

    def settle(self) -> None:
        """Tell how a job has ended; on the scoring thread."""
        if self._ended:
            then, problem = self._ended.popleft()
            self.is_busy = False
            then(problem)

    def _run(self, job: Callable[[], None], then: Then) -> None:
        problem = None
        try:
            job()
        except OSError as error:
            problem = f"disk: {error.strerror or error}"
        except (PlaceError, StateError) as error:
            problem = str(error)
        if problem is not None:
            _log.warning("update: %s", problem)
        self._ended.append((then, problem))
        self._wake()
