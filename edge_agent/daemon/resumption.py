"""Where an asset's windows go on: after a restart, other settings, or under another bundle."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.daemon.messages import Begun
from edge_agent.daemon.outbox import Mark
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.state import FlowMark, FlowState

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


def resume(
    asset: str,
    model_id: str,
    make: Callable[[], Flow],
    left: Left | None,
    mark: Mark | None,
) -> Resumed:
    """Return a flow that goes on where the asset's windows were left.

    Of another bundle its numbers and its open anomaly go on, so that no alarm is forgotten and no
    number is used twice; state means nothing to this one.

    Args:
        asset: its name, for the log.
        model_id: of what judges from now on.
        make: returns a fresh flow of it.
        left: the newest state there is, of whatever bundle.
        mark: what the last window has told, of whatever bundle; None where ``left`` is as new.
    """
    last = left if mark is None else mark
    if last is None:
        return Resumed(make(), "empty", "", 0)
    begun: Begun = "empty"
    flow, clock = make(), last.clock
    if last.model_id != model_id:
        _succeed(asset, flow, last.flow)
        return Resumed(flow, begun, clock, last.last_start_ns)
    if left is not None and left.model_id == model_id:
        try:
            flow.restore(left.flow)
            begun, clock = "restored", left.clock
        except ValueError as error:
            _log.warning("asset %s: saved state: %s; beginning empty", asset, error)
            flow = make()
    if mark is not None:  # newer than the state, or as new
        if mark.clock != clock:
            flow.change_clock()
        flow.resume(mark.flow)
    return Resumed(flow, begun, last.clock, last.last_start_ns)


def _succeed(asset: str, flow: Flow, told: FlowMark | FlowState) -> None:
    flow.succeed(told)
    anomaly = flow.judge.anomalies.open
    _log.info(
        "asset %s: goes on with window %d under another bundle, with %s open",
        asset,
        flow.index,
        "no anomaly" if anomaly is None else f"anomaly {anomaly.number}",
    )
