"""What can be asked of a running agent: one struct per command, told apart by ``command``.

They are the same over MQTT and on the local socket, and the source of their JSON Schema in
docs/mqtt. A command that changes something is done once: sent again under its ``id`` it is
answered again as before.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from edge_agent.daemon.config.settings import Name

COMMAND_BYTES_MAX = 8192
LONGEST_S = 90 * 86400.0

# One line, printable: it is shown in lists and logs. `\Z`, as `$` lets a line break pass.
Line = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,200}\Z")]
CommandId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.:-]{1,64}\Z")]
# An id or its first digits, as they are read from a page or a list.
AnomalyId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{4,32}\Z")]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Span = Annotated[float, msgspec.Meta(gt=0, le=LONGEST_S)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Command(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="command", forbid_unknown_fields=True
):
    """What every command carries, beside ``command``, which tells them apart.

    Attributes:
        schema: of all commands.
        id: chosen by the sender, new for each command; sent again, it gets the same answer.
        by: who asks, for the log and for whoever reads the alarm; nothing proves it.
        sent: when, RFC 3339. Where it is given and the gateway's clock can be trusted, a command
            that is older than ten minutes is refused.
    """

    changes: ClassVar[bool] = True  # it is logged, and done once

    id: CommandId
    by: Line
    sent: Moment | None = None
    schema: Literal["edge-agent/command/1"] = "edge-agent/command/1"


class Alarms(Command, frozen=True, kw_only=True, tag="alarms"):
    """List the alarms of all assets, or of one.

    Attributes:
        asset: None: all.
    """

    changes: ClassVar[bool] = False
    asset: Name | None = None


class Log(Command, frozen=True, kw_only=True, tag="log"):
    """List what was asked and what became of alarms, the newest last.

    Attributes:
        asset: None: all.
        last: so many at most.
    """

    changes: ClassVar[bool] = False
    asset: Name | None = None
    last: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class Acknowledge(Command, frozen=True, kw_only=True, tag="ack"):
    """Take note of the open anomaly: somebody looks after it.

    Attributes:
        asset: whose.
        anomaly_id: its id or the first digits; None: whichever is open.
        note: for whoever looks next.
    """

    asset: Name
    anomaly_id: AnomalyId | None = None
    note: Line | None = None


class Shelve(Command, frozen=True, kw_only=True, tag="shelve"):
    """Call nobody about an asset for a limited time; all is still found, counted and shown.

    Attributes:
        asset: which.
        for_s: seconds, after which it ends by itself.
        note: why.
    """

    asset: Name
    for_s: Span
    note: Line | None = None


class Unshelve(Command, frozen=True, kw_only=True, tag="unshelve"):
    """End the shelving of an asset."""

    asset: Name
    note: Line | None = None


class Maintain(Command, frozen=True, kw_only=True, tag="maintain"):
    """Begin the maintenance of an asset: its windows are scored and marked, no alarm is raised.

    Attributes:
        asset: which.
        for_s: seconds, after which it ends by itself; None: it lasts until ``resume``.
        note: what is done.
    """

    asset: Name
    for_s: Span | None = None
    note: Line | None = None


class Resume(Command, frozen=True, kw_only=True, tag="resume"):
    """End the maintenance of an asset."""

    asset: Name
    note: Line | None = None


class Confirm(Command, frozen=True, kw_only=True, tag="confirm"):
    """Say that an anomaly was a fault: a label for the next training.

    Attributes:
        asset: whose.
        anomaly_id: its id or the first digits; None: the one that is open, or else the last.
        fault: what it was, such as ``outer race``.
        note: more on it.
    """

    asset: Name
    anomaly_id: AnomalyId | None = None
    fault: Line | None = None
    note: Line | None = None


class Reject(Command, frozen=True, kw_only=True, tag="reject"):
    """Say that an anomaly was none: a label for the next training.

    Attributes:
        asset: whose.
        anomaly_id: its id or the first digits; None: the one that is open, or else the last.
        note: what it was instead.
    """

    asset: Name
    anomaly_id: AnomalyId | None = None
    note: Line | None = None


class Commission(Command, frozen=True, kw_only=True, tag="commission"):
    """Learn scaler, idle level and thresholds of an asset from its own healthy windows.

    Attributes:
        asset: which; it follows a general bundle.
        for_s: seconds of windows to learn from.
        windows: number of windows to learn from; None for both: what the bundle needs.
    """

    asset: Name
    for_s: Span | None = None
    windows: Count | None = None


class Trial(Command, frozen=True, kw_only=True, tag="trial"):
    """Let another bundle score an asset's windows beside its own; what runs stays as it is.

    Attributes:
        asset: which.
        action: ``start`` or ``stop``.
        bundle: file on the gateway, absolute, for ``start``.
        windows: scored ones, at least, before there is a verdict.
    """

    asset: Name
    action: Literal["start", "stop"]
    bundle: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)] | None = None
    windows: Count | None = None


class TrialStatus(Command, frozen=True, kw_only=True, tag="trial_status"):
    """Say how an asset's trial goes, or how it ended."""

    changes: ClassVar[bool] = False
    asset: Name


class Model(Command, frozen=True, kw_only=True, tag="model"):
    """Install a model that somebody has brought, or take the last one back.

    Attributes:
        action: ``install`` or ``rollback``.
        line: that it is for; None: the one that is named as the bundle is, or the only one.
        path: folder of an exported repository, or a bundle's file; absolute, for ``install``.
        model: which of a folder's, as ``NAME@VERSION``; None: the highest version there is.
        unsigned: take a file though the gateway is enrolled.
        allow_downgrade: a lower version than the one running may be taken.
    """

    asset: ClassVar[None] = None
    action: Literal["install", "rollback"]
    line: Name | None = None
    path: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)] | None = None
    model: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    unsigned: bool = False
    allow_downgrade: bool = False


# What whoever may publish on the command topic can ask for. What a gateway runs is not among it:
# that takes a signature, or somebody at the gateway.
RemoteCommand = (
    Alarms
    | Log
    | Acknowledge
    | Shelve
    | Unshelve
    | Maintain
    | Resume
    | Confirm
    | Reject
    | Commission
    | Trial
    | TrialStatus
)
AnyCommand = RemoteCommand | Model


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command.

    Attributes:
        result: whether it was done.
        reason: why not.
        durable: it outlives a restart; false where it was done but the disk does not take it.
        data: what was asked for, by command.
    """

    result: Literal["ok", "refused"]
    reason: str | None = None
    durable: bool = True
    data: dict[str, Any] = {}


def done(**data: Any) -> Answer:  # noqa: ANN401 - whatever JSON can say
    """Return the answer to a command that was done."""
    return Answer(result="ok", data=data)


def refused(reason: str, **data: Any) -> Answer:  # noqa: ANN401 - as above
    """Return the answer to a command that was not done, for ``reason``."""
    return Answer(result="refused", reason=reason, data=data)


def name_of(command: Command | type[Command]) -> str:
    """Return what ``command`` is called in JSON."""
    return str(command.__struct_config__.tag)
