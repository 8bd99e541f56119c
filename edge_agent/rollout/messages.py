"""What operator and gateways say to each other, inside signed envelopes.

Only msgspec is needed to read this module: signing and verifying, which load cryptography, are in
``envelope``, and the daemon leaves both to short-lived processes.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

# `\Z`, not `$`: a name must not end in a line break.
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]  # exact in every JSON reader
Positive = Annotated[float, msgspec.Meta(gt=0)]
SPREAD_MAX_S = 3600.0
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

UpdateState = Literal[
    "idle",
    "downloading",
    "verifying",
    "staged",
    "trial",
    "committing",
    "active",
    "rejected",
    "rolled_back",
    "failed",
]
ENDED: tuple[UpdateState, ...] = ("active", "rejected", "rolled_back", "failed")
UNSUCCESSFUL: tuple[UpdateState, ...] = ("rejected", "rolled_back", "failed")


class Order(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Which of two desires is the newer one: compared field by field, in this order.

    Attributes:
        generation: of the operators' keys (see Operators): a new one begins counting anew, so that
            a stolen key that has counted to the end does not lock the fleet out.
        epoch: of the controller; whoever takes over counts one up.
        counter: of the desires of one epoch, for one gateway.
    """

    generation: Count
    epoch: Count
    counter: Count


class WantedModel(msgspec.Struct, frozen=True, kw_only=True):
    """What the assets that follow a line should run.

    Attributes:
        line: the name that assets follow (``bundle = "line:NAME"``).
        name: of the bundle.
        version: of the bundle, SemVer, 80 characters at most.
        sha256: of the bundle's file.
        length: of the bundle's file, bytes.
        target: its path among the targets of the repository, ``NAME/NAME-VERSION.edgemodel``.
    """

    line: Name
    name: Name
    version: str
    sha256: Sha256
    length: Count
    target: str


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """When a gateway takes a model over, and when it counts as proven.

    Attributes:
        min_windows: live windows that each asset must have scored with both models.
        timeout_s: from the order on, after which an update that is not active has failed.
        hold_s: that the model must have run afterwards, before it is reported as held.
        limits: of the trial by their names (see the trial's Limits), where not as usual.
        allow_downgrade: a lower version than the one running may be taken over.
        trial: compare it with what runs first; False: not where it was in use here before and is
            kept still.
        spread_s: over which those begin that found their order waiting, as all do after an outage
            of the broker; each has its own moment in it. Whoever hears it as it is given begins.
    """

    min_windows: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 50
    timeout_s: Positive = 86_400.0
    hold_s: Annotated[float, msgspec.Meta(ge=0)] = 1800.0
    limits: dict[str, Positive] = {}
    allow_downgrade: bool = False
    trial: bool = True
    spread_s: Annotated[float, msgspec.Meta(ge=0, le=SPREAD_MAX_S)] = 0.0


class RemoteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The few settings that operators change in the field; what is None is as the file says.

    Attributes:
        publish_features: see the configuration's ``publish.features``.
        publish_score: see ``publish.score``.
        period_s: of an asset's sensor, by asset.
        false_alarms_per_month: by asset.
    """

    publish_features: bool | None = None
    publish_score: bool | None = None
    period_s: dict[Name, Positive] = {}
    false_alarms_per_month: dict[Name, Positive] = {}


class Desire(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="edge-agent/desire/1"
):
    """What one gateway should run.

    Attributes:
        gateway: for whom it is; any other refuses it.
        order: see Order.
        issued: when.
        expires: after which no gateway begins with it any more.
        rollout: id of the rollout that it belongs to.
        models: one for each line that is spoken of; the other lines stay as they are.
        terms: see Terms.
        settings: None: as they are.
    """

    gateway: Name
    order: Order
    issued: Moment
    expires: Moment
    rollout: Name | None = None
    models: tuple[WantedModel, ...] = ()
    terms: Terms = Terms()
    settings: RemoteSettings | None = None


class RunningModel(msgspec.Struct, frozen=True, kw_only=True):
    """What judges one asset.

    Attributes:
        line: that the asset follows; None: a file of its own.
        name: of the bundle; None, like what follows, where none runs.
        version: of the bundle.
        sha256: of the bundle's file.
        overlay: digest of what a general bundle was commissioned to.
        windows: scored by it since it took over or the agent was started.
        state: of the asset, as in the gateway's status.
    """

    line: Name | None
    name: str | None
    version: str | None
    sha256: str | None
    overlay: str | None
    windows: int
    state: str


class Report(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="edge-agent/report/1"
):
    """How a gateway's update goes.

    Attributes:
        gateway: who reports.
        number: of the report, one up each time, kept over restarts.
        session: of the agent, a new one at every start: two gateways that share a key and an image
            are told apart by it.
        at: when, by the gateway's clock.
        time_quality: of that clock, as in all messages.
        state: see UpdateState.
        reason: why it is so; always given for what is in ``UNSUCCESSFUL``.
        answers: the order of the desire that it is about; None: there was none.
        rollout: the rollout's id, from the desire.
        held_s: seconds that the wanted models have run without a fault since they took over; None
            where they do not run.
        running: by asset.
        settings: what is in force of the desire's settings; None: nothing.
        warnings: what is or will be wrong beside the update: metadata that expire, a clock that is
            not set, a key that lies open.
    """

    gateway: Name
    number: Count
    session: str
    at: Moment
    time_quality: str
    state: UpdateState
    reason: str | None = None
    answers: Order | None = None
    rollout: Name | None = None
    held_s: float | None = None
    running: dict[Name, RunningModel] = {}
    settings: RemoteSettings | None = None
    warnings: tuple[str, ...] = ()


class Operators(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="edge-agent/operators/1"
):
    """Whose desires count: a target of the repository, at ``OPERATORS_TARGET``.

    Attributes:
        generation: see Order; higher whenever a key is replaced, and below the version of the root:
            who can sign this, but not the root, cannot count to the end.
        threshold: of signatures that a desire needs.
        keys: public keys as the metadata spell them, by key id.
    """

    generation: Count
    threshold: Annotated[int, msgspec.Meta(ge=1)]
    keys: dict[str, dict[str, object]]


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """One signature.

    Attributes:
        keyid: of the key, as the metadata of the repository spell it.
        sig: hex.
    """

    keyid: str
    sig: str


class Sealed(msgspec.Struct, frozen=True, kw_only=True, rename={"payload_type": "payloadType"}):
    """A signed envelope, DSSE 1.0 (github.com/secure-systems-lab/dsse).

    Attributes:
        payload: the message, JSON, in Base64.
        payload_type: what is in it: ``application/vnd.edge-agent.report+json`` for a report,
            ``application/vnd.edge-agent.desire+json`` for a desire.
        signatures: of the operators, or of the gateway.
    """

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]


OPERATORS_TARGET = "operators.json"
DESIRE_TYPE = "application/vnd.edge-agent.desire+json"
REPORT_TYPE = "application/vnd.edge-agent.report+json"
DESIRE_BYTES_MAX = 65_536
REPORT_BYTES_MAX = 65_536
