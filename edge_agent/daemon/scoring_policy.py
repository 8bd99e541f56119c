"""What follows when a feature or the model of one asset fails: the sensor's policy, as for it.

One failed window is counted and the next one tried. Several in a row fail the asset; it is tried
again after growing waits, with one window, and until then its windows are counted as not scored.
"""

from collections.abc import Callable

from edge_agent.daemon.backoff import Backoff
from edge_agent.daemon.config.settings import OnFailure
from edge_agent.daemon.sensors.thread import FIRST_WAIT_S, LONGEST_WAIT_S, STEADY_S

IN_A_ROW = 3


class ScoringPolicy:
    """Counts the failures of one asset's scoring."""

    def __init__(self, on_failure: OnFailure, give_up: Callable[[str], None]) -> None:
        """Act by ``on_failure``; ``give_up`` ends the agent, for policy ``error``."""
        self._on_failure = on_failure
        self._give_up = give_up
        self._backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
        self._in_a_row = 0
        self._failed_s = 0.0
        self._again_s = 0.0

    @property
    def has_failed(self) -> bool:
        """The asset as a whole counts as failed."""
        return self._in_a_row >= IN_A_ROW

    @property
    def is_final(self) -> bool:
        """It has failed and will not be tried again."""
        return self.has_failed and self._on_failure in ("error", "ignore")

    def may_try(self, now_s: float) -> bool:
        """Say whether the next window is to be scored, at monotonic ``now_s``."""
        return not self.has_failed or (not self.is_final and now_s >= self._again_s)

    def worked(self, now_s: float) -> None:
        """Note that a window went through."""
        self._in_a_row = 0
        if now_s - self._failed_s > STEADY_S:
            self._backoff.reset()

    def failed(self, reason: str, now_s: float) -> None:
        """Note that a window failed."""
        self._in_a_row += 1
        self._failed_s = now_s
        if not self.has_failed:
            return
        self._again_s = now_s + self._backoff.next_wait_s()
        if self._on_failure == "error":
            self._give_up(reason)

    def forgive(self) -> None:
        """Try the next window: what failed is another model from now on."""
        self._again_s = 0.0
