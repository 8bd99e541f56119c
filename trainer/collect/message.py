"""One feature message: what a gateway publishes for a window, held against its schema.

The schema is docs/mqtt/features.schema.json. The agent's own struct is the agent's: what a
collector accepts must not change because a newer agent is installed beside it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec

from edge_agent.recordings.feature_store import ROW_COLUMNS, StoredSet

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FLOAT32_MAX = 3.4028234663852886e38
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)  # well within what 64 bits of nanoseconds hold
_LARGEST = 1 << 20

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class MessageError(ValueError):
    """What came is no feature message; the text says why."""


class FeatureMessage(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="edge-agent/features/1"
):
    """The fields that are kept; a newer agent may send more."""

    id: Label
    seq: Count
    session: Label
    gateway: Name
    asset: Name
    start: Moment
    end: Moment
    historical: bool = False
    time_quality: Literal["synchronised", "unsynchronised", "unknown"]
    index: Count
    unit: str | None
    values: Annotated[dict[Label, float | None], msgspec.Meta(min_length=1, max_length=4096)]
    bias: dict[Label, float | None]
    gap: bool
    clipped: bool

    @property
    def start_ns(self) -> int:
        """Start of the window, UTC nanoseconds."""
        return _ns(self.start)

    @property
    def end_ns(self) -> int:
        """Just after the window, UTC nanoseconds."""
        return _ns(self.end)

    @property
    def place(self) -> "Place":
        """Where the store keeps it."""
        return Place(self.gateway, self.asset, f"{self.start.astimezone(UTC):%Y-%m-%d}")

    @property
    def set(self) -> StoredSet:
        """Which feature set it belongs to."""
        return StoredSet(tuple(self.values), self.unit)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One folder of the store."""

    gateway: str
    asset: str
    day: str

    @property
    def folder(self) -> str:
        """Path below the store."""
        return f"gateway={self.gateway}/asset={self.asset}/day={self.day}"


def decode(payload: bytes) -> FeatureMessage:
    """Read what ``checked`` has let through. Raises msgspec.DecodeError."""
    return msgspec.json.decode(payload, type=FeatureMessage)


def checked(root: str, topic: str, payload: bytes) -> FeatureMessage:
    """Return the message, published on ``topic`` below ``root``.

    Raises:
        MessageError: no JSON, not the schema, of another gateway or asset than the topic says, or
            with values that no float32 holds.
    """
    if len(payload) > _LARGEST:
        raise MessageError(f"{len(payload)} bytes, allowed: {_LARGEST}")
    try:
        message = decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(str(error)) from error
    expected = f"{root}/{message.gateway}/{message.asset}/features"
    if topic != expected:
        raise MessageError(
            f"gateway {message.gateway} and asset {message.asset}, allowed: those of its topic"
        )
    _check_times(message)
    _check_values(message)
    return message


def _check_times(message: FeatureMessage) -> None:
    for name in ("start", "end"):
        if not _EPOCH <= getattr(message, name) < _LATEST:
            raise MessageError(f"{name} is {getattr(message, name)}, allowed: 1970 to 2199")
    if message.end < message.start:
        raise MessageError(f"end is {message.end}, allowed: not before start, {message.start}")


def _check_values(message: FeatureMessage) -> None:
    for name in message.values:
        if name in ROW_COLUMNS:
            raise MessageError(f"a feature {name}, which is what the store calls a column")
    for name, value in (*message.values.items(), *message.bias.items()):
        if value is not None and not abs(value) <= _FLOAT32_MAX:
            raise MessageError(f"{name} is {value}, allowed: a number that fits float32, or null")


def _ns(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
