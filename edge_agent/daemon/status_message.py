"""What the agent publishes of its gateway and of itself; see ``messages`` for its machines."""

from typing import Literal

import msgspec

from edge_agent.daemon.clock import ClockStep
from edge_agent.daemon.envelope import Envelope
from edge_agent.daemon.ledger import LedgerSnapshot, StoreState

AssetState = Literal[
    "starting",
    "running",
    "commissioning",
    "sensor_fault",
    "no_data",
    "failed",
    "ended",
    "left_out",
]


class AssetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One asset in the gateway's status.

    Attributes:
        state: ``failed``: the sensor, a feature or the model does not work; ``no_data``: the
            sensor works, but delivers nothing; ``sensor_fault``: what it delivers is no signal;
            ``left_out``: it was not there at the start; ``commissioning``: nothing is scored
            until a general bundle has learned from enough windows what this machine is like.
        reason: why it is not ``running``.
    """

    name: str
    state: AssetState
    reason: str | None
    sensor: str
    channels: tuple[str, ...]
    rate_hz: float | None
    unit: str | None
    model: str | None
    model_sha256: str | None
    model_overlay: str | None = None


class PluginVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin in use."""

    kind: Literal["sensor", "feature"]
    name: str
    version: str


class Status(Envelope, frozen=True, kw_only=True, tag="edge-agent/status/1"):
    """The gateway's birth, its changes and its death; retained, and the Last Will.

    Attributes:
        state: ``offline``: by the Last Will for reason ``connection lost``, else ``stopped``, or
            ``reconfigured`` where a changed configuration makes the agent connect anew.
        versions: of the agent and what it computes with; ``machine`` is the processor's kind.
        plugins: sensors and features in use.
        assets: every configured asset, also those that failed.
        mqtt_protocol: 5 or 3.1.1, as the broker allowed.
        outbox: what waits, and whether it is safe on the disk.
        ledger: what became of every window and every queued message.
        clock_stepped: the last time in this session that the wall clock was set; windows are cut
            by another clock and go on unbroken.
    """

    state: Literal["online", "offline"]
    reason: str | None
    versions: dict[str, str]
    plugins: tuple[PluginVersion, ...]
    assets: tuple[AssetStatus, ...]
    mqtt_protocol: Literal["5", "3.1.1"] | None
    outbox: StoreState
    ledger: LedgerSnapshot
    clock_stepped: ClockStep | None = None
