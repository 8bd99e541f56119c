"""What is published of alarms beside the retained state and the events; see docs/decisions/0026."""

from typing import Literal

import msgspec

from edge_agent.daemon.envelope import Envelope, Moment
from edge_agent.pipeline.alarm import Detector

Level = Literal["alert", "alarm"]
Handling = Literal["quiet", "open", "acknowledged", "shelved", "maintenance"]
Verdict = Literal["confirmed", "rejected"]
Why = Literal["anomaly", "signal"]


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has done about an asset.

    Attributes:
        by: who, as they call themselves.
        at: when.
        until: when it ends by itself, by the clock as it is set now; null: not by itself.
        note: what they said.
    """

    by: str
    at: Moment
    until: Moment | None = None
    note: str | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How an asset's alarms stand; see AlarmState."""

    state: Handling = "quiet"
    level: Level | None = None
    acknowledged: Deed | None = None
    shelved: Deed | None = None
    maintenance: Deed | None = None
    silenced: int = 0
    group: str | None = None


class Label(Envelope, frozen=True, kw_only=True, tag="edge-agent/label/1"):
    """What somebody found an anomaly to be, for the next training; its span is start to end.

    Attributes:
        label: a fault, or none.
        anomaly_id: as in its events. A later label of the same anomaly takes the place of this one.
        number: as in its events.
        detector: as in its events.
        severity: its largest.
        closed: it was over when it was labelled; else ``end`` is the time of the label.
        fault: what it was.
        at: when it was labelled.
        by: who did.
        note: what they said.
        model_sha256: the bundle that judged.
    """

    asset: str
    label: Verdict
    anomaly_id: str
    number: int
    detector: Detector
    severity: float
    closed: bool
    fault: str | None
    at: Moment
    by: str
    note: str | None
    model_sha256: str | None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """An asset of a group.

    Attributes:
        asset: which.
        why: an anomaly opened, or the signal was lost.
        since: when.
        over: it is over by now.
        anomaly_id: which anomaly opened.
    """

    asset: str
    why: Why
    since: Moment
    over: bool = False
    anomaly_id: str | None = None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Assets that something happened to within a short time: look for one cause.

    Attributes:
        id: the same from open to close.
        opened: when the first of them was struck.
        closed: when it was over for all of them; null: it is not.
        watched: how many assets were watched when it opened.
        members: in the order in which they were struck.
    """

    id: str
    opened: Moment
    closed: Moment | None
    watched: int
    members: tuple[Member, ...]


class GroupState(Envelope, frozen=True, kw_only=True, tag="edge-agent/group/1"):
    """Which assets of the gateway are in trouble together, retained.

    Attributes:
        event: what this message tells; null where it only repeats, as after a start.
        group_id: of which group; null likewise.
        groups: all that are open, and the one that was just closed.
    """

    event: Literal["open", "update", "close"] | None
    group_id: str | None
    groups: tuple[Group, ...]
