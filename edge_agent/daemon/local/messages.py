"""What is said over the agent's local socket: lines of JSON, and samples after a block's line.

A client sends one Request; what follows comes from the agent until either hangs up; to a command
it is one answer.
"""

from typing import Literal

import msgspec

from edge_agent.daemon.commands.requests import Answer, AnyCommand
from edge_agent.daemon.messages import Share
from edge_agent.daemon.status_message import AssetState

REQUEST_BYTES_MAX = 8192
SOCKET_NAME = "local.sock"


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client wants.

    Attributes:
        want: ``windows`` as judged, ``blocks`` as they come, or an answer to a ``command``.
        asset: one alone; windows are shown of all where it is None.
        command: to be done.
    """

    want: Literal["windows", "blocks", "command"]
    asset: str | None = None
    command: AnyCommand | None = None


class AssetSeen(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="asset"):
    """How an asset is: sent first, and whenever its state changes."""

    asset: str
    state: AssetState
    reason: str | None
    model: str | None
    score: float | None
    threshold: float | None
    level_score: float | None
    level_threshold: float | None
    anomaly: bool
    opened: str | None
    severity: float | None


class WindowSeen(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="window"):
    """A window; see Score and AnomalyEvent. ``event`` is what it changed of an anomaly."""

    asset: str
    index: int
    start: str
    end: str
    score: float | None
    threshold: float
    level_score: float | None
    level_threshold: float | None
    anomaly: bool
    reason: str | None
    gap: bool
    clipped: bool
    event: Literal["open", "update", "close"] | None
    severity: float | None
    features: tuple[Share, ...]


class WindowsLost(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="lost"):
    """So many windows were not shown because the client was slow."""

    windows: int


class BlockSeen(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="block"):
    """A block, see Block; its samples follow: float32 (length, channels), this machine's order."""

    start_ns: int
    utc_offset_ns: int
    rate_hz: float | None
    unit: str | None
    channels: tuple[str, ...]
    length: int
    period_s: float | None
    gap_before: bool


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="refused"):
    """Why there is nothing to be had."""

    reason: str


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="answer"):
    """What became of the command."""

    answer: Answer


Said = AssetSeen | WindowSeen | WindowsLost | BlockSeen | Refused | Answered
