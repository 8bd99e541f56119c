"""Reports on their way out: numbered by the journal, signed by a short-lived process, stated."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec.structs import replace

from edge_agent.daemon.child import ChildError, outcome_of
from edge_agent.rollout.install.journal import Journal
from edge_agent.rollout.install.orders import Sign, Signed
from edge_agent.rollout.messages import Report

_log = logging.getLogger(__name__)

MODULE = "edge_agent.rollout.install.sign"
_TIMEOUT_S = 60.0
AGAIN_S = 30.0  # after a signature that did not come about


class Signing:
    """Signs the newest report, one at a time.

    Attributes:
        problem: why the last one was not signed.
    """

    def __init__(
        self,
        enrolment: str,
        journal: Journal,
        in_background: Callable[[Callable[[], None]], None],
        state: Callable[[bytes], None],
        wake: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            enrolment: folder with the gateway's key.
            journal: gives out the numbers; used in the background alone.
            in_background: runs what waits for the disk, one after the other.
            state: publishes an envelope, retained.
            wake: makes the scoring thread look.
        """
        self._enrolment = enrolment
        self._journal = journal
        self._in_background = in_background
        self._state = state
        self._wake = wake
        self._pending: Report | None = None
        self._due_s = 0.0
        self._thread: threading.Thread | None = None
        self.is_busy = False
        self.problem: str | None = None

    def ask(self, report: Report) -> None:
        """Have ``report`` signed, in place of one that still waits for it."""
        self._pending = report

    def look(self, now_s: float) -> None:
        """Begin with what waits, where nothing is being signed."""
        if self._pending is None or self.is_busy or now_s < self._due_s:
            return
        report, self._pending = self._pending, None
        self.is_busy = True
        self._due_s = now_s + (AGAIN_S if self.problem else 0.0)
        self._in_background(lambda: self._begin(report))

    def join(self, timeout_s: float) -> None:
        """Wait for what is being signed."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _begin(self, report: Report) -> None:
        """Number it; on the thread that the journal belongs to."""
        try:
            numbered = replace(report, number=self._journal.next_number(), at=datetime.now(UTC))
        except OSError as error:
            self._end(report, f"the journal cannot be written: {error.strerror or error}")
            return
        self._thread = threading.Thread(
            target=self._sign, args=(numbered,), name="signing", daemon=True
        )
        self._thread.start()

    def _sign(self, report: Report) -> None:
        order = Sign(gateway=report.gateway, enrolment=self._enrolment, report=report)
        try:
            signed = outcome_of(MODULE, order, Signed, _TIMEOUT_S)
        except (ChildError, OSError) as error:
            signed = Signed(refused=str(error))
        if signed.report is not None:
            self._state(signed.report)
        self._end(report, signed.refused)

    def _end(self, report: Report, problem: str | None) -> None:
        if problem is not None:
            if problem != self.problem:
                _log.warning("update: the report is not signed: %s", problem)
            self._pending = self._pending or report
        self.problem = problem
        self.is_busy = False
        self._wake()
