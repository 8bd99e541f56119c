"""What is known of a rollout and of each of its gateways, as it is kept on disk."""

from typing import Literal

import msgspec

from edge_agent.rollout.fleet.plan import Plan
from edge_agent.rollout.messages import Moment, Name, Order, RemoteSettings, Sha256

Status = Literal["running", "paused", "aborting", "aborted", "completed", "ended"]
State = Literal[
    "waiting",  # for its wave, or for its turn
    "ordered",
    "working",
    "holding",
    "succeeded",
    "failed",
    "timed_out",
    "stopping",  # is to be told to stay as it is
    "stopped",
    "taking_back",
    "taken_back",
    "not_taken_back",
]
ENDED: tuple[Status, ...] = ("aborted", "completed", "ended")
PROVED: tuple[State, ...] = ("succeeded", "failed", "timed_out")
UNDER_WAY: tuple[State, ...] = ("ordered", "working", "holding")
REVOKING: tuple[State, ...] = ("stopping", "taking_back")


class RanBefore(msgspec.Struct, frozen=True, kw_only=True):
    """What all assets of a line ran."""

    name: str
    version: str
    sha256: Sha256


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """How a gateway was before its order, as it had reported.

    Attributes:
        models: by line, of the lines that the rollout speaks of; those with one model only.
        settings: that were in force.
    """

    models: dict[Name, RanBefore] = {}
    settings: RemoteSettings | None = None


class Entry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One gateway.

    Attributes:
        wave: index of its wave.
        state: see State.
        order: its newest; None: it has none for what it is to do.
        issued: when the order was made.
        sent: the broker has acknowledged it.
        before: what it can be taken back to; None: not known.
        number: of the newest report that was taken into account.
        reason: why it is not further.
        distrusted: its reports count no more.
        since: when ``state`` was reached.
    """

    wave: int
    state: State = "waiting"
    order: Order | None = None
    issued: Moment | None = None
    sent: bool = False
    before: Before | None = None
    number: int = -1
    reason: str | None = None
    distrusted: bool = False
    since: Moment | None = None


class Refused(msgspec.Struct, kw_only=True):
    """Reports under a gateway's name that were not believed: the last one, and how many."""

    kind: str
    reason: str
    at: Moment
    count: int = 1


class Progress(
    msgspec.Struct, kw_only=True, tag_field="schema", tag="edge-agent/rollout-progress/1"
):
    """Plan and progress of a rollout.

    Attributes:
        plan: see Plan.
        entries: by gateway, in the order of the waves.
        status: of the whole; ``completed`` where every gateway has proved it, ``ended`` where not.
        wave: index of the one under way.
        reason: why it is paused or aborted.
        next_order: when the rate lets the next order go.
        epoch: of the controller that last drove it.
        refused: by gateway, see Refused.
    """

    plan: Plan
    entries: dict[Name, Entry]
    status: Status = "running"
    wave: int = 0
    reason: str | None = None
    next_order: Moment
    epoch: int = 0
    refused: dict[Name, Refused] = {}

    @property
    def ended(self) -> bool:
        """Nothing is done any more."""
        return self.status in ENDED

    @property
    def succeeded(self) -> bool:
        """Every gateway has proved that it runs what it should."""
        return self.status == "completed"
