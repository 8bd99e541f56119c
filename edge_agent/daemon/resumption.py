"""Where an asset's windows go on: after a restart, other settings, or under another bundle.

The whole state is saved now and then, a recorded row and a mark with every window. So after a kill
the flow is restored and takes the windows from there to the mark again: it is bit-equal to one
that was never disturbed. Where no saved state fits, as under another bundle, the latest windows
warm it up.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.daemon.messages import Begun
from edge_agent.daemon.outbox import Mark
from edge_agent.daemon.recorder.memory import Memory
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.state import FlowState

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Left:
    """Where an asset's flow was left.

    Attributes:
        model_id: of what judged until then, see LoadedBundle.model_id.
        flow: its state.
        clock: name of what ``last_start_ns`` counts; see WallClock.name.
        last_start_ns: start of the last window.
    """

    model_id: str
    flow: FlowState
    clock: str
    last_start_ns: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """A flow that goes on.

    Attributes:
        flow: ready for the next window.
        begun: how its state began.
        clock: as of Left; empty where nothing is known.
        last_start_ns: likewise.
    """

    flow: Flow
    begun: Begun
    clock: str
    last_start_ns: int


class Resumption:
    """Makes flows of one asset that go on where the last one ended."""

    def __init__(self, asset: str, model_id: str, make: Callable[[], Flow], memory: Memory) -> None:
        """Prepare.

        Args:
            asset: its name, for the log.
            model_id: of what judges from now on.
            make: returns a fresh flow of it.
            memory: the windows before.
        """
        self._asset = asset
        self._model_id = model_id
        self._make = make
        self._memory = memory

    def within_run(self, left: Left) -> Resumed:
        """Go on from a flow of this run, of the same bundle or of another."""
        self._memory.begin(left.flow.index)
        if left.model_id == self._model_id:
            flow = self._restored(left)
            if flow is not None:
                return Resumed(flow, "restored", left.clock, left.last_start_ns)
        return self._succeeding(left)

    def after_restart(self, left: Left | None, mark: Mark | None) -> Resumed:
        """Go on from what an earlier run left, under whatever bundle.

        Of another bundle its numbers and its open anomaly go on, so that no alarm is forgotten and
        no number is used twice; its state means nothing to this one.
        """
        end = self._memory.begin(None if mark is None else mark.flow.index)
        if mark is not None and mark.model_id != self._model_id:
            return self._succeeding(mark)
        if left is not None and left.model_id == self._model_id:
            resumed = self._caught_up(left, mark, end)
            if resumed is not None:
                return resumed
        elif left is not None and mark is None:
            return self._succeeding(left)
        flow = self._make()
        begun = self._warm_up(flow, end)
        if mark is None:
            flow.index = end
            return Resumed(flow, begun, "", 0)
        flow.resume(mark.flow)
        return Resumed(flow, begun, mark.clock, mark.last_start_ns)

    def _succeeding(self, last: Left | Mark) -> Resumed:
        """Follow another bundle."""
        flow = self._make()
        begun = self._warm_up(flow, last.flow.index)
        flow.succeed(last.flow)
        anomaly = flow.judge.anomalies.open
        _log.info(
            "asset %s: goes on with window %d under another bundle, with %s open",
            self._asset,
            flow.index,
            "no anomaly" if anomaly is None else f"anomaly {anomaly.number}",
        )
        return Resumed(flow, begun, last.clock, last.last_start_ns)

    def _restored(self, left: Left) -> Flow | None:
        flow = self._make()
        try:
            flow.restore(left.flow)
        except ValueError as error:
            _log.warning("asset %s: saved state: %s; beginning without it", self._asset, error)
            return None
        return flow

    def _caught_up(self, left: Left, mark: Mark | None, end: int) -> Resumed | None:
        """Take the windows from where ``left`` was to ``end`` again; None: that cannot be."""
        flow = self._restored(left)
        if flow is None:
            return None
        clock, last_start_ns = left.clock, left.last_start_ns
        try:
            last = self._memory.replay(flow, (clock, clock if mark is None else mark.clock))
        except Exception as error:  # noqa: BLE001 - a model may raise anything
            _log.warning(
                "asset %s: recorded windows cannot be scored again: %s: %s",
                self._asset,
                type(error).__name__,
                error,
            )
            return None
        if last is not None:
            clock, last_start_ns = last
        if mark is None:
            flow.broken |= flow.index < end
            flow.index = max(flow.index, end)
            return Resumed(flow, "restored", clock, last_start_ns)
        if mark.clock != clock:
            flow.change_clock()
        flow.resume(mark.flow)
        return Resumed(flow, "restored", mark.clock, mark.last_start_ns)

    def _warm_up(self, flow: Flow, index: int) -> Begun:
        past = self._memory.running(flow.spec.model.washout_vectors)
        if past:
            _log.info(
                "asset %s: judged by %s from window %d on: warmed up with %d windows",
                self._asset,
                self._model_id,
                index,
                len(past),
            )
        try:
            flow.warm_up(past)
        except Exception as error:  # noqa: BLE001 - as above
            _log.warning("asset %s: no warm-up: %s: %s", self._asset, type(error).__name__, error)
        return "warmed" if past else "empty"
