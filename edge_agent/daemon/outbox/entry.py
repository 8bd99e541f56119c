"""What goes into the outbox, and what comes out of it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from edge_agent.daemon.ledger import AssetLedger, WindowCounts
from edge_agent.daemon.messages import Message
from edge_agent.daemon.recorder.rows import RecordedRow
from edge_agent.daemon.topics import CARRIAGE, Carriage, Kind
from edge_agent.pipeline.state import FlowMark

ROWS_MAX = 2000  # only a disk that hangs lets so many wait: then the oldest are forgotten

# What is queued, the least important first; all else is state, of which only the newest counts,
# or an answer, for which nobody waits any more once the connection is lost.
QUEUED: tuple[Kind, ...] = tuple(
    sorted(
        (kind for kind, carriage in CARRIAGE.items() if carriage.stored),
        key=lambda kind: CARRIAGE[kind].priority,
    )
)


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """How far an asset's windows have come; committed with the messages of each.

    Attributes:
        model_id: of what judged the last window, see LoadedBundle.model_id.
        clock: name of what ``last_start_ns`` counts; see WallClock.name.
        last_start_ns: start of the last window.
        flow: what its flow has told the world.
    """

    model_id: str
    clock: str
    last_start_ns: int
    flow: FlowMark


@dataclass(slots=True)
class Entry:
    """What one window leaves behind; all of it is committed, or nothing.

    Attributes:
        asset: whose window it was.
        windows: how it counts.
        messages: kind, topic and message of each.
        mark: how far the asset has come, None where that did not change.
        row: what is remembered of the window.
        stored: called on the store's thread once all of it is committed; must not wait.
    """

    asset: str
    windows: WindowCounts = field(default_factory=WindowCounts)
    messages: list[tuple[Kind, str, Message]] = field(default_factory=list)
    mark: Mark | None = None
    row: RecordedRow | None = None
    stored: Callable[[], None] | None = None


@dataclass(slots=True, eq=False)
class Outgoing:
    """A message on its way.

    Attributes:
        kind: of the message.
        topic: where it goes.
        body: JSON.
        place: the database that holds it; None: it is state or an answer, which are not stored.
        number: in that database.
        backlog: it could not be sent when it happened.
        refused: the broker did not accept it.
        correlation: what tells the receiver of an answer which question it belongs to.
    """

    kind: Kind
    topic: str
    body: bytes
    place: object | None = None
    number: int = 0
    backlog: bool = False
    refused: bool = False
    correlation: bytes | None = None

    @property
    def carriage(self) -> Carriage:
        """How it is carried."""
        return CARRIAGE[self.kind]

    @property
    def asset(self) -> str:
        """The asset it speaks of, where it is not the gateway's status."""
        return asset_of(self.topic)


@dataclass(slots=True)
class Batch:
    """What has come in since the last commit.

    Attributes:
        counts: by asset.
        marks: the newest of each asset.
        rows: to be remembered, before the marks that hold them.
        messages: to be queued.
        states: retained messages that belong to the same windows.
        acknowledged: messages that the broker has answered.
        stored: to be called once all of this is committed.
    """

    counts: dict[str, AssetLedger] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    rows: deque[RecordedRow] = field(default_factory=lambda: deque(maxlen=ROWS_MAX))
    messages: list[tuple[Kind, str, Message]] = field(default_factory=list)
    states: list[tuple[Kind, str, Message]] = field(default_factory=list)
    acknowledged: list[Outgoing] = field(default_factory=list)
    stored: list[Callable[[], None]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Nothing is to be stored."""
        return not (self.counts or self.acknowledged)

    def of(self, asset: str) -> AssetLedger:
        """Return what is to be added to the counts of ``asset``."""
        return self.counts.setdefault(asset, AssetLedger(asset=asset))


def late(body: bytes) -> bytes:
    """Mark a message as sent late. Strings escape their quotes: only the key itself is found.

    A message inside it comes after it, and stays as it was, however often this is done.
    """
    before, key, after = body.partition(b'"historical":')
    if not after.startswith(b"false"):
        return body
    return b"".join((before, key, b"true", after.removeprefix(b"false")))


def asset_of(topic: str) -> str:
    """Return the asset in ``{root}/{gateway}/{asset}/{kind}``."""
    return topic.rpartition("/")[0].rpartition("/")[2]
