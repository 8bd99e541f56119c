"""The gateway's status message: birth, change, death."""

import time
from collections.abc import Mapping, Sequence
from typing import Literal

from edge_agent.daemon.connection import Protocol
from edge_agent.daemon.messages import AssetStatus, PluginVersion, Status
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.session import Session


class Herald:
    """States how the gateway is, whenever that is other than stated before."""

    def __init__(
        self,
        session: Session,
        records: Sequence[AssetRecord],
        outbox: Outbox,
        versions: Mapping[str, str],
    ) -> None:
        """Speak for the assets of ``records``."""
        self._session = session
        self._records = records
        self._outbox = outbox
        self._versions = dict(versions)
        self._protocol: Protocol | None = None
        self._stated: tuple[AssetStatus, ...] | None = None
        self.features: tuple[PluginVersion, ...] = ()

    def will(self) -> Status:
        """What the broker says when the connection is lost."""
        return self._status("offline", "connection lost", self._assets())

    def connected(self, protocol: Protocol) -> None:
        """Be born: a connection stands."""
        self._protocol = protocol
        self._state("online", None)

    def look(self) -> None:
        """State anew where an asset's state has changed."""
        if self._protocol is not None and self._assets() != self._stated:
            self._state("online", None)

    def leaving(self) -> None:
        """State that this connection is given up for another; what it leads to gets a birth."""
        self._protocol = None
        self._state("offline", "reconfigured")

    def stopped(self) -> None:
        """State a clean end."""
        self._state("offline", "stopped")

    def _state(self, state: Literal["online", "offline"], reason: str | None) -> None:
        self._stated = self._assets()
        topic = self._session.topics.status
        self._outbox.put("status", topic, self._status(state, reason, self._stated))

    def _status(
        self,
        state: Literal["online", "offline"],
        reason: str | None,
        assets: tuple[AssetStatus, ...],
    ) -> Status:
        session = self._session
        return Status(
            state=state,
            reason=reason,
            versions=self._versions,
            plugins=self._plugins(),
            assets=assets,
            mqtt_protocol=self._protocol,
            dropped=dict(self._outbox.dropped),
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
    )
