"""The agent's account of itself: how all its parts are doing, for whoever asks."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.changes import Changes
from edge_agent.daemon.local.door import LocalDoor
from edge_agent.daemon.mqtt.inbox import InboxState
from edge_agent.daemon.mqtt.link import MqttLink
from edge_agent.daemon.outbox import Store
from edge_agent.daemon.recorder.recorder import Recorder
from edge_agent.daemon.report import AgentReport, asset_reports, link_report, process_report
from edge_agent.daemon.session import Session
from edge_agent.daemon.status import boot_time_s, status_file, write_report
from edge_agent.daemon.trial.trials import Trials
from edge_agent.daemon.update.updates import Updates
from edge_agent.daemon.watches import Watches

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The parts that are asked, from any thread.

    Attributes:
        door: asked late, as what it tells is this.
    """

    session: Session
    changes: Changes
    versions: Mapping[str, str]
    door: Callable[[], LocalDoor]
    link: MqttLink
    inbox: InboxState
    store: Store
    watches: Watches
    recorder: Recorder
    trials: Trials
    updates: Updates
    _began_s: float = field(default_factory=time.monotonic)

    def write(self) -> None:
        """Replace the status file. Raises OSError."""
        write_report(self._file, self.report())

    def remove(self) -> None:
        """Leave no status file behind. Raises OSError."""
        self._file.unlink(missing_ok=True)

    def close(self) -> None:
        """Put into the log what was done, and what was not sent."""
        total = self.store.ledger.snapshot().total()
        _log.info(
            "stopped after %d windows; messages not sent: %d waiting; since installation:"
            " %d evicted, %d expired, %d refused, %d lost",
            sum(record.windows for record in self.watches.records),
            total.pending,
            total.evicted,
            total.expired,
            total.refused,
            total.lost,
        )

    def report(self) -> AgentReport:
        """Return how the agent is now."""
        config, session, door = self.changes.config, self.session, self.door()
        mqtt = config.mqtt
        return AgentReport(
            pid=os.getpid(),
            gateway=config.gateway,
            state_dir=config.state_dir,
            session=session.id,
            started=rfc3339(session.began_ns),
            written=rfc3339(time.time_ns()),
            written_boot_s=boot_time_s(),
            uptime_s=round(time.monotonic() - self._began_s, 3),
            versions=dict(self.versions),
            time_quality=session.time_quality,
            clock_stepped=session.clock.step,
            metrics=door.metrics_url,
            socket=door.socket_path,
            process=process_report(),
            mqtt=link_report(f"{mqtt.host}:{mqtt.port}", self.link.state, self.inbox),
            outbox=self.store.state,
            ledger=self.store.ledger.snapshot(),
            assets=asset_reports(list(self.watches.records), self.recorder),
            reload=self.changes.last_reload,
            trials=self.trials.reports,
            update=self.updates.report,
        )

    @property
    def _file(self) -> Path:
        return status_file(Path(self.changes.config.state_dir))
