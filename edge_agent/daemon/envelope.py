"""What every message carries."""

import hashlib
from typing import Annotated

import msgspec

from edge_agent.daemon.clock import TimeQuality

Moment = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]


def message_id(*parts: str | int) -> str:
    """Return 32 hexadecimal digits that depend on ``parts`` alone."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Envelope(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema"):
    """What every message carries, beside ``schema``, which tells the kinds apart.

    Attributes:
        id: the same whenever the same fact is sent again.
        seq: counts the messages of this topic and session from 0; where a retained one was
            overtaken by a newer one before it could be sent, its number is missing.
        session: one run of the agent.
        gateway: name of the gateway.
        start: start of the window, or of what a retained message states.
        end: end of the window; in retained messages the moment of the statement.
        historical: sent later than it could have been, because there was no connection.
        time_quality: whether the gateway's clock followed a time server.
    """

    id: str
    seq: int
    session: str
    gateway: str
    start: Moment
    end: Moment
    historical: bool = False
    time_quality: TimeQuality
