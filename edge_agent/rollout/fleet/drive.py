"""Driving a rollout to its end, over as many connections as that takes."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

from edge_agent.rollout.fleet.controller import Controller
from edge_agent.rollout.fleet.desk import Desk
from edge_agent.rollout.fleet.kept import Wish
from edge_agent.rollout.fleet.record import Clock, Outcome, Watch
from edge_agent.rollout.fleet.states import Progress
from edge_agent.rollout.mqtt import BrokerError, connected

_AGAIN_S = 5.0
_GIVE_UP_S = 1800.0


def steady_clock() -> Clock:
    """Return a clock that begins with the computer's and is never set.

    Gateways are given up by it: a clock that is put right meanwhile must not give up all of them.
    """
    begun, begun_s = datetime.now(UTC), monotonic()
    return lambda: begun + timedelta(seconds=monotonic() - begun_s)


def drive(
    desk: Desk,
    rollout: str,
    watch: Watch,
    stopping: threading.Event,
    *,
    trouble: Callable[[str], None] = lambda _said: None,
    wish: Wish | None = None,
    take_over: bool = False,
) -> tuple[Outcome, Progress]:
    """Drive ``rollout`` until there is nothing left to do, or not here.

    A lost broker is waited for, half an hour at most; one that cannot be used at the beginning is
    not.

    Args:
        desk: of the operator.
        rollout: its id.
        watch: called with the progress whenever it has changed.
        stopping: set to interrupt; the rollout can be resumed.
        trouble: told of a lost broker.
        wish: what to do first.
        take_over: also from another controller that is believed to work.

    Raises:
        DrivenError: another process here drives it.
        HeldError: another controller drives rollouts of this fleet.
        BrokerError: not reached, or lost for too long.
        RolloutError, HomeError, KeyFileError, OrdersError, BusyError, OSError: of the home folder.
    """
    broker, now = desk.home.broker(), steady_clock()
    good_s: float | None = None  # when the broker was last seen to work
    with desk.kept.driving(rollout):
        while True:
            controller: Controller | None = None
            try:
                with connected(broker, "edge-rollout") as client:
                    controller = Controller(desk, client, rollout, now, watch)
                    # Whoever took over in between is not driven out again.
                    forced = take_over and good_s is None
                    return controller.run(stopping, wish, take_over=forced)
            except BrokerError as error:
                if controller is not None and controller.good_s is not None:
                    good_s = controller.good_s
                if good_s is None or monotonic() > good_s + _GIVE_UP_S:
                    raise
                trouble(str(error))
            if stopping.wait(_AGAIN_S):
                return "interrupted", desk.kept.read(rollout)
