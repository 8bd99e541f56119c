"""What the agent answers over MQTT."""

from typing import Any, Literal

from edge_agent.daemon.envelope import Envelope


class Reply(Envelope, frozen=True, kw_only=True, tag="edge-agent/reply/1"):
    """What became of a command; sent again, a command gets the same answer again.

    Attributes:
        command_id: of the command; null where it could not be read.
        command: which it was; null likewise.
        result: whether it was done.
        reason: why not.
        durable: it outlives a restart; false where it was done but the disk does not take it.
        data: what was asked for.
    """

    command_id: str | None
    command: str | None
    result: Literal["ok", "refused"]
    reason: str | None
    durable: bool
    data: dict[str, Any]
