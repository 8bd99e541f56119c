"""The gateway's status message: birth, change, death."""

import time
from collections.abc import Mapping, Sequence
from typing import Literal

from edge_agent.daemon.ledger import LedgerSnapshot
from edge_agent.daemon.mqtt.client import Protocol
from edge_agent.daemon.outbox import Outbox, Store
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.session import Session
from edge_agent.daemon.status_message import AssetStatus, PluginVersion, Status

RESTATE_S = 300.0


class Herald:
    """States how the gateway is, whenever that is other than stated before."""

    def __init__(
        self,
        session: Session,
        records: Sequence[AssetRecord],
        outbox: Outbox,
        store: Store,
        versions: Mapping[str, str],
    ) -> None:
        """Speak for the assets of ``records``."""
        self._session = session
        self._records = records
        self._outbox = outbox
        self._store = store
        self._versions = dict(versions)
        self._protocol: Protocol | None = None
        self._stated: tuple[object, ...] | None = None
        self._restate_due_s = 0.0
        self.features: tuple[PluginVersion, ...] = ()

    def will(self) -> Status:
        """What the broker says when the connection is lost; without counts, which go on."""
        nothing = LedgerSnapshot(since=self._store.ledger.since, assets=())
        return self._status("offline", "connection lost", self._assets(), nothing)

    def connected(self, protocol: Protocol) -> None:
        """Be born: a connection stands."""
        self._protocol = protocol
        self._state("online", None)

    def look(self) -> None:
        """State anew where a state has changed, and the counts now and then."""
        if self._protocol is None:
            return
        if (
            self._what_matters(self._assets()) != self._stated
            or time.monotonic() >= self._restate_due_s
        ):
            self._state("online", None)

    def leaving(self) -> None:
        """State that this connection is given up for another; what it leads to gets a birth."""
        self._protocol = None
        self._state("offline", "reconfigured")

    def stopped(self) -> None:
        """State a clean end."""
        self._state("offline", "stopped")

    def _state(self, state: Literal["online", "offline"], reason: str | None) -> None:
        assets = self._assets()
        self._stated = self._what_matters(assets)
        self._restate_due_s = time.monotonic() + RESTATE_S
        topic = self._session.topics.status
        status = self._status(state, reason, assets, self._store.ledger.snapshot())
        self._outbox.state("status", topic, status)

    def _what_matters(self, assets: tuple[AssetStatus, ...]) -> tuple[object, ...]:
        store = self._store.state
        return assets, store.durable, store.problem, self._session.clock.step

    def _status(
        self,
        state: Literal["online", "offline"],
        reason: str | None,
        assets: tuple[AssetStatus, ...],
        ledger: LedgerSnapshot,
    ) -> Status:
        session = self._session
        return Status(
            state=state,
            reason=reason,
            versions=self._versions,
            plugins=self._plugins(),
            assets=assets,
            mqtt_protocol=self._protocol,
            outbox=self._store.state,
            ledger=ledger,
            clock_stepped=self._session.clock.step,
            **session.envelope(session.topics.status, None, session.began_ns, time.time_ns()),
        )

    def _plugins(self) -> tuple[PluginVersion, ...]:
        sensors = {
            (record.sensor, record.sensor_version)
            for record in self._records
            if record.sensor_version is not None
        }
        return (
            *(
                PluginVersion(kind="sensor", name=name, version=version or "")
                for name, version in sorted(sensors)
            ),
            *self.features,
        )

    def _assets(self) -> tuple[AssetStatus, ...]:
        return tuple(asset_status(record) for record in self._records)


def asset_status(record: AssetRecord) -> AssetStatus:
    """Return what the gateway's status says of an asset now."""
    info = record.info
    return AssetStatus(
        name=record.name,
        state=record.state,
        reason=record.reason,
        sensor=record.sensor,
        channels=() if info is None else info.channels,
        rate_hz=None if info is None else info.rate_hz,
        unit=None if info is None else info.unit,
        model=record.model,
        model_sha256=record.model_sha256,
        model_overlay=record.model_overlay,
    )
