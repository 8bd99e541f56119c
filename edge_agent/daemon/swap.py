"""An asset's bundle becomes another between two windows, while its sensor goes on."""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.bundle import LoadedBundle
from edge_agent.daemon.judged import Judged
from edge_agent.daemon.messages import Begun
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.succession import computes_alike, take_over

Past = tuple[int, NDArray[np.float32]]
Done = Callable[[str | None], None]

SLICE = 8  # vectors: other assets' windows wait no longer than these take


class Swap:
    """A flow that is being warmed up, slice by slice, beside the one that it will replace."""

    def __init__(
        self,
        judged: Judged,
        bundle: LoadedBundle,
        flow: Flow,
        former: Flow,
        done: Done,
        *,
        same: bool,
    ) -> None:
        """Prepare ``flow`` to replace ``former``, which cuts the same windows.

        Where windows are ``missing`` for the warm-up, ``remember`` is to be called before
        ``advance``.

        Args:
            judged: the asset with ``bundle``.
            bundle: what is to judge it.
            flow: a fresh one of that.
            former: what scores until then.
            done: is told how it ended: None, or why the former goes on.
            same: the network and its numbers stay, only the budget is another: all state goes on.
        """
        self.judged = judged
        self.bundle = bundle
        self.flow = flow
        self.done = done
        self.begun: Begun = "empty"
        self.windows = 0
        self._same = same
        self._is_alike = not same and computes_alike(flow.spec, former.spec)
        self._waiting: deque[Past] = deque()
        self._last: Past | None = None
        self.missing = 0
        if self._is_alike:
            self._catch_up(former)
            self.missing = max(0, (flow.scorer.recent.maxlen or 0) - len(self._waiting))

    def remember(self, past: Sequence[Past]) -> None:
        """Take what is ``missing`` from before the windows that the former flow remembers.

        Args:
            past: oldest first, as of ``Flow.warm_up``; those that it remembers may be among them.
        """
        oldest_ns = self._waiting[0][0] if self._waiting else None
        earlier = [one for one in past if oldest_ns is None or one[0] < oldest_ns]
        self._waiting.extendleft(reversed(earlier[-self.missing :]))
        self.missing = 0

    def __str__(self) -> str:
        """How the flow begins, for the log."""
        if self._same:
            return "all state goes on"
        if self.windows:
            return f"warmed up with {self.windows} windows"
        washout = self.flow.scorer.washout_left
        return f"begun empty: {washout} windows of washout" if washout else "nothing to warm up"

    def advance(self, former: Flow) -> bool:
        """Take one slice of the past; return whether ``flow`` has taken over from ``former``.

        Raises:
            Exception: whatever the new model raises; ``former`` is as before.
        """
        if self._is_alike:
            self._catch_up(former)
            some = [self._waiting.popleft() for _ in range(min(SLICE, len(self._waiting)))]
            self.flow.warm_up(some)
            self.windows += len(some)
            if self._waiting:
                return False
        if self._same:
            self.flow.restore(former.state())
            self.begun = "restored"
        elif self.windows:
            self.begun = "warmed"
        take_over(self.flow, former)
        return True

    def _catch_up(self, former: Flow) -> None:
        """Add what ``former`` has seen since the last time."""
        new: list[Past] = []
        for one in reversed(former.scorer.recent):
            if one is self._last:
                break
            new.append(one)
        self._waiting.extend(reversed(new))
        if former.scorer.recent:
            self._last = former.scorer.recent[-1]
