"""What the agent has short-lived processes do about an update, and what they say.

They are children as ``rollout.child`` makes them. ``install.prepare`` takes a ``Prepare`` on
standard input and says one ``Said`` per line on standard output, an ``Outcome`` last;
``install.by_hand`` takes a ``ByHand`` and says a ``Placing``;
``install.sign`` takes a ``Sign`` and says a ``Signed``.
All JSON.
"""

from typing import Literal

import msgspec

from edge_agent.rollout.broker import Broker
from edge_agent.rollout.messages import Count, Desire, Name, Order, Positive, Report, UpdateState


class SensorFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the sensor of an asset delivers, sensitivity and unit of the configuration applied.

    Attributes:
        channels: by the sensor's own names.
        rate_hz: samples per second; None where it has none.
        unit: of the samples; None where it has none.
        period_s: seconds from burst to burst; None where it delivers without pause.
    """

    channels: tuple[str, ...]
    rate_hz: float | None
    unit: str | None
    period_s: float | None = None


class AssetFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What an asset that follows a line gives to a model, and asks of it.

    Attributes:
        name: of the asset.
        line: that it follows.
        sensor: None where it was not opened yet: then nothing can be held against it.
        channels: the sensor's channels in the order of the bundle's, as configured.
        context: those that tell the regime, for a general bundle.
        false_alarms_per_month: budget for its thresholds; None: the bundle's.
        has_velocity_limit: velocity must be computable from its samples.
    """

    name: Name
    line: Name
    sensor: SensorFacts | None = None
    channels: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    false_alarms_per_month: Positive | None = None
    has_velocity_limit: bool = False


class Prepare(msgspec.Struct, frozen=True, kw_only=True):
    """Verify what a desire asks for, and put it beside what runs.

    Attributes:
        gateway: this one.
        enrolment: folder of the enrolment.
        state_dir: the agent's.
        desire: the envelope, as it came.
        newest: order of the newest desire that was ever believed; None: there was none.
        known: that desire, where it came before: the same order with another content is refused.
        broker: where the repository is; or
        folder: an exported repository; or
        url: of one on a web server.
        assets: that follow a line.
        report: what the agent would report now; state, reason, number and what belongs to the
            desire are filled in here. ``number`` is the last one given out.
        timeout_s: for all of it.
    """

    gateway: Name
    enrolment: str
    state_dir: str
    desire: bytes
    newest: Order | None = None
    known: Desire | None = None
    broker: Broker | None = None
    folder: str | None = None
    url: str | None = None
    assets: tuple[AssetFacts, ...] = ()
    report: Report
    timeout_s: Positive = 900.0


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag_field="said", tag="progress"):
    """A state was entered.

    Attributes:
        state: downloading or verifying.
        desire: it is believed from now on.
        number: of the report; to be kept before it is published.
        report: a Report in its envelope.
    """

    state: Literal["downloading", "verifying"]
    desire: Desire
    number: Count
    report: bytes


class Outcome(msgspec.Struct, frozen=True, kw_only=True, tag_field="said", tag="outcome"):
    """How it ended.

    Attributes:
        state: ``staged``, ``rejected`` or ``failed``; None where the desire is not believed: then
            the update stands where it stood, and the report says so with a warning.
        reason: why it is not staged.
        again: something may come right by itself: worth another attempt.
        desire: None where it is not believed.
        staged: folder of each line's model, see place.Lines; those in use already among them.
        number: of the report; to be kept before it is published. None where it cannot be signed.
        report: a Report in its envelope; None likewise.
        warnings: what will be wrong soon.
    """

    state: UpdateState | None
    reason: str | None = None
    again: bool = False
    desire: Desire | None = None
    staged: dict[str, str] = {}
    number: Count | None = None
    report: bytes | None = None
    warnings: tuple[str, ...] = ()


Said = Progress | Outcome


class ByHand(msgspec.Struct, frozen=True, kw_only=True):
    """Verify what somebody at the gateway brings, and put it beside what runs.

    Attributes:
        gateway: this one.
        enrolment: folder of the enrolment; None: the gateway is not enrolled.
        state_dir: the agent's.
        path: folder of an exported repository, or a bundle's file.
        model: which of a folder's, as ``NAME@VERSION``; None: the highest version there is.
        line: that it is for; None: the one that is named as the bundle is.
        unsigned: take a file though the gateway is enrolled.
        allow_downgrade: a lower version than the one running may be taken.
        assets: that follow a line.
        synchronised: the clock follows a time server.
        timeout_s: for all of it.
    """

    gateway: Name
    enrolment: str | None
    state_dir: str
    path: str
    model: str | None = None
    line: Name | None = None
    unsigned: bool = False
    allow_downgrade: bool = False
    assets: tuple[AssetFacts, ...] = ()
    synchronised: bool = False
    timeout_s: Positive = 900.0


class Placing(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        refused: why nothing was placed.
        kind: of the refusal: ``refused``: not signed, or not allowed; ``bad``: no sound bundle for
            this gateway; ``choice``: it must be said which model or line; ``failed``: the disk.
        line: that it is for.
        folder: that the model was placed in, see place.Lines.
        name: of the bundle.
        version: of the bundle.
        sha256: of the bundle's file.
        warnings: what will be wrong soon, or could not be looked at.
    """

    refused: str | None = None
    kind: Literal["refused", "bad", "choice", "failed"] | None = None
    line: str | None = None
    folder: str | None = None
    name: str | None = None
    version: str | None = None
    sha256: str | None = None
    warnings: tuple[str, ...] = ()


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """Sign a report.

    Attributes:
        gateway: this one.
        enrolment: folder of the enrolment.
        report: complete, with the number that the journal gave out.
    """

    gateway: Name
    enrolment: str
    report: Report


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A report in its envelope; or why there is none.

    Attributes:
        report: the envelope.
        refused: likewise.
    """

    report: bytes | None = None
    refused: str | None = None
