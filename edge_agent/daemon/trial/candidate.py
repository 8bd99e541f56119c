"""The candidate beside the model that judges: given the same windows after these are announced."""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edge_agent.bundle import LoadedBundle
from edge_agent.daemon.recorder import Rows
from edge_agent.daemon.recorder.memory import past_window
from edge_agent.daemon.swap import SLICE, Past
from edge_agent.daemon.trial.backtest import said_of
from edge_agent.daemon.trial.tally import Tally
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.result import PastWindow, WindowResult
from edge_agent.pipeline.window import Window

WAITING_MAX = 1024
RAW_WAITING_MAX = 8  # with their samples


@dataclass(frozen=True, slots=True)
class Seen:
    """A window as the candidate is given it.

    Attributes:
        index: of the window.
        incumbent: its score / threshold; whether an anomaly is open.
        past: its vector and times, where both models compute the same features.
        window: its samples, where they do not.
    """

    index: int
    incumbent: tuple[float | None, bool]
    past: PastWindow
    window: Window | None = None


class Candidate:
    """One asset's candidate, with the windows that wait for it."""

    def __init__(
        self, bundle: LoadedBundle, flow: Flow, tally: Tally, next_index: int, *, alike: bool
    ) -> None:
        """Go on with window ``next_index``.

        Args:
            bundle: what is on trial.
            flow: warmed up, or restored.
            tally: what came of the windows before.
            next_index: of the window that is to come next.
            alike: both models compute the same features: vectors are enough.
        """
        self.bundle = bundle
        self.flow = flow
        self.tally = tally
        self.next_index = next_index
        self.alike = alike
        self.recalled: deque[list[Seen]] = deque()  # by another thread
        self.is_held = False  # windows from before those that wait are being read
        self._past: deque[Past] = deque()
        self._waiting: deque[Seen] = deque()
        self._seconds = flow.spec.input.window_period_s

    def offer(self, window: Window, result: WindowResult) -> None:
        """Keep a window that was judged for ``advance``: this costs the scoring next to nothing."""
        raw = None
        if not self.alike:
            samples = window.samples.copy()
            raw = Window(
                samples,
                window.start_ns,
                window.end_ns,
                gap=window.gap,
                clipped=window.clipped,
                utc_offset_ns=window.utc_offset_ns,
            )
        past = PastWindow(
            start_ns=result.start_ns,
            end_ns=result.end_ns,
            utc_offset_ns=result.utc_offset_ns,
            gap=result.gap,
            vector=result.vector,
            sensed=None,
        )
        self._waiting.append(Seen(result.index, said_of(result), past, raw))
        if len(self._waiting) > (WAITING_MAX if self.alike else RAW_WAITING_MAX):
            self._waiting.popleft()

    def warm_up(self, past: Iterable[Past]) -> None:
        """Have ``advance`` warm the flow up with windows from before the first one, see Flow."""
        self._past.extend(past)

    def _recall(self, seen: list[Seen]) -> None:
        """Take windows from before those that wait, oldest first; go on then."""
        self.is_held = False
        first = self._waiting[0].index if self._waiting else None
        earlier = [one for one in seen if first is None or one.index < first]
        self._waiting.extendleft(reversed(earlier))

    @property
    def is_warming(self) -> bool:
        """The flow is not ready for its first window."""
        return bool(self._past)

    @property
    def has_work(self) -> bool:
        """``advance`` has something to do."""
        while self.recalled:
            self._recall(self.recalled.popleft())
        return not self.is_held and bool(self._past or self._waiting)

    def advance(self) -> None:
        """Score one window, or take one slice of the warm-up.

        Raises:
            Exception: whatever the candidate raises.
        """
        if self._past:
            count = min(SLICE, len(self._past))
            self.flow.warm_up([self._past.popleft() for _ in range(count)])
            return
        seen = self._waiting.popleft()
        if seen.index < self.next_index:
            return
        missing = seen.index - self.next_index
        self.tally.lost += missing
        self.flow.broken |= missing > 0
        self.flow.index = seen.index
        self.next_index = seen.index + 1
        began_s = time.perf_counter()
        washing = self.flow.scorer.washout_left > 0
        result = self._push(seen)
        self.tally.busy_s += time.perf_counter() - began_s
        if result is None:
            return
        past = seen.past
        seconds = self._seconds or (past.end_ns - past.start_ns) / 1e9
        self.tally.note(seen.index, seconds, seen.incumbent, said_of(result), washing=washing)

    def _push(self, seen: Seen) -> WindowResult | None:
        if seen.window is not None:
            return self.flow.push_window(seen.window)
        return self.flow.replay(seen.past)


def seen_in(rows: Rows) -> list[Seen]:
    """Return recorded windows as they would have been offered."""
    with np.errstate(invalid="ignore"):
        ratios = rows.score / rows.threshold
    return [
        Seen(
            int(rows.index[i]),
            (None if np.isnan(ratios[i]) else float(ratios[i]), bool(rows.anomaly[i])),
            past_window(rows, i),
        )
        for i in range(len(rows))
    ]
