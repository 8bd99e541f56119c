"""What is remembered of an asset's alarms over a restart."""

import msgspec

from edge_agent.daemon.alarms.messages import Level, Verdict
from edge_agent.daemon.alarms.term import Term
from edge_agent.pipeline.alarm import Detector

FORMAT = 1
PAST_MAX = 16  # closed anomalies that can still be labelled


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """An anomaly.

    Attributes:
        id: as in its events.
        number: likewise.
        detector: likewise.
        opened_ns: likewise, UTC.
        severity: its largest so far.
        level: its highest so far.
        model_sha256: the bundle that judges.
        closed_ns: UTC; None while it is open.
        hidden: it opened in a maintenance, and nobody has been told of it.
        label: what somebody found it to be.
    """

    id: str
    number: int
    detector: Detector
    opened_ns: int
    severity: float
    level: Level
    model_sha256: str | None = None
    closed_ns: int | None = None
    hidden: bool = False
    label: Verdict | None = None


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """Who took note of an anomaly, and how bad it was then."""

    by: str
    at_ns: int
    note: str | None
    severity: float
    level: Level


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A shelving or a maintenance.

    Attributes:
        by: who asked for it.
        at_ns: when, UTC.
        note: why.
        term: None: until somebody ends it.
        silenced: times that nobody was called because of it.
    """

    by: str
    at_ns: int
    note: str | None
    term: Term | None
    silenced: int = 0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        anomaly: the one that is open.
        acknowledged: that one is.
        shelved: the asset is.
        maintenance: the asset is in it.
        due: the next window tells once more of the open anomaly, as a silence has ended.
        past: closed anomalies, the newest last.
        format: of this struct.
    """

    anomaly: Noted | None = None
    acknowledged: Acknowledged | None = None
    shelved: Silence | None = None
    maintenance: Silence | None = None
    due: bool = False
    past: tuple[Noted, ...] = ()
    format: int = FORMAT
