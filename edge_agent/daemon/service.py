"""The agent as a whole: starts the parts in order, scores until told to stop, ends in a second."""

import logging
import os
import signal
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import FrameType

from edge_agent.bundle import BundleError
from edge_agent.bundle.times import rfc3339
from edge_agent.calibration.budget import BudgetError
from edge_agent.daemon.adapt import Adapter
from edge_agent.daemon.alarm_state import AlarmStatement
from edge_agent.daemon.announce import Announcer
from edge_agent.daemon.birth import Herald
from edge_agent.daemon.keep import StateDirectory
from edge_agent.daemon.keeper import Keeper
from edge_agent.daemon.local import LocalDoor
from edge_agent.daemon.lookout import Lookout
from edge_agent.daemon.messages import PluginVersion
from edge_agent.daemon.models import Models, versions
from edge_agent.daemon.mqtt import MqttLink
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.report import AgentReport, asset_reports, link_report, process_report
from edge_agent.daemon.scoring import ScoringLoop, Watch
from edge_agent.daemon.sensors import Handover, SensorThread
from edge_agent.daemon.session import Session
from edge_agent.daemon.settings import Asset, Config
from edge_agent.daemon.status import (
    WRITE_INTERVAL_S,
    boot_time_s,
    run_folder,
    status_file,
    write_report,
)
from edge_agent.daemon.systemd import Notifier, Watchdog, watchdog_timeout_s
from edge_agent.daemon.topics import Topics

_log = logging.getLogger(__name__)

_STOP_S = 0.6  # SIGTERM ends within a second; the rest is for the interpreter
_LAST_CALL_S = 30.0  # an agent that ends by itself waits that long for the broker to take all


class AgentFailed(Exception):  # noqa: N818 - as ConnectionFailed
    """The agent cannot go on; the message says why."""


class AlreadyRunningError(Exception):
    """Another agent uses the state directory."""


class Service:
    """All parts of one agent."""

    def __init__(self, config: Config, password: str | None, state: StateDirectory) -> None:
        """Prepare; nothing runs before ``run``.

        Args:
            config: complete and sound.
            password: of the broker.
            state: locked by the caller.
        """
        self._config = config
        self._state = state
        self._notifier = Notifier.from_environment()
        self._records = [AssetRecord(asset.name, asset.sensor.plugin) for asset in config.asset]
        self._outbox = Outbox(config.mqtt.queue_max)
        self._session = Session(Topics(config.mqtt.root, config.gateway))
        self._versions = versions()
        self._herald = Herald(self._session, self._records, self._outbox, self._versions)
        self._link = MqttLink(
            config.mqtt,
            password,
            self._outbox,
            self._session.topics.status,
            self._herald.will,
            self._herald.connected,
        )
        self._keeper = Keeper()
        self._handover = Handover()
        self._failure: str | None = None
        self._watches: list[Watch | None] = []
        lookout = Lookout()
        folder = run_folder(Path(config.state_dir))
        self._door = LocalDoor(folder, config.metrics, lookout, self._report)
        self._loop = ScoringLoop(
            self._watches,
            self._handover,
            Watchdog(self._notifier, watchdog_timeout_s()),
            self._tick,
            lookout,
        )
        self._began_s = time.monotonic()
        self._end_with_data = False
        self._last_call_s: float | None = None
        self._save_due_s = time.monotonic() + config.state_save_s
        self._report_due_s = 0.0

    def run(self, *, end_with_data: bool = False) -> None:
        """Score until SIGTERM or SIGINT.

        Args:
            end_with_data: end also when no sensor will ever deliver another block, and all has
                been sent or could not be for half a minute.

        Raises:
            AgentFailed: no asset can be scored, a sensor failed whose policy is ``error``, or a
                thread ended that should not.
        """
        self._end_with_data = end_with_data
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        inherited_hook, threading.excepthook = threading.excepthook, self._on_thread_failure
        self._link.start()
        self._keeper.start()
        self._door.start()
        try:
            self._begin()
            self._notifier.send("READY=1", f"STATUS=watching {len(self._config.asset)} assets")
            self._loop.run()
        finally:
            self._end()
            threading.excepthook = inherited_hook
        if self._failure is not None:
            raise AgentFailed(self._failure)

    def give_up(self, reason: str) -> None:
        """End the agent for ``reason``; from any thread."""
        self._failure = reason
        self._loop.stop()

    def _on_thread_failure(self, failure: threading.ExceptHookArgs) -> None:
        """An agent that has lost a thread and goes on looks healthy and says nothing."""
        name = "unknown" if failure.thread is None else failure.thread.name
        kind, value = failure.exc_type, failure.exc_value
        _log.error(
            "thread %s failed", name, exc_info=(kind, value or kind(), failure.exc_traceback)
        )
        self.give_up(f"thread {name} failed: {kind.__name__}: {value}")

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._loop.stop()

    def _begin(self) -> None:
        models = Models(self._state.path / "verified.json")
        for position, (asset, record) in enumerate(
            zip(self._config.asset, self._records, strict=True)
        ):
            if self._loop.is_stopping:  # verifying many bundles takes longer than ending may
                return
            self._watches.append(self._watch(position, asset, record, models))
        if not any(self._watches):
            reasons = dict.fromkeys(str(record.reason) for record in self._records)
            raise AgentFailed(f"no asset can be scored: {'; '.join(reasons)}")
        self._herald.features = _features(self._watches)
        for watch in self._watches:
            if watch is not None:
                watch.sensor.start()

    def _watch(
        self, position: int, asset: Asset, record: AssetRecord, models: Models
    ) -> Watch | None:
        try:
            bundle = models.load(asset.bundle).for_budget(asset.false_alarms_per_month)
            flow = bundle.flow(asset.sensor.range_max)
        except (BundleError, BudgetError) as error:
            record.enter("failed", str(error), time.monotonic())
            AlarmStatement(record, self._session, self._outbox).state()
            return None
        manifest = bundle.manifest
        record.budget = manifest.flow.budget
        record.model, record.model_sha256 = f"{manifest.name} {manifest.version}", bundle.sha256
        saved = self._state.load(asset.name, bundle.sha256)
        if saved is not None:
            try:
                flow.restore(saved.flow)
            except ValueError as error:
                _log.warning("asset %s: saved state: %s; beginning empty", asset.name, error)
                saved, flow = None, bundle.flow(asset.sensor.range_max)
        record.open = flow.anomalies.open
        announcer = Announcer(record, bundle, self._config.publish, self._session, self._outbox)
        announcer.model("empty" if saved is None else "restored", flow.anomalies.open)
        adapter = Adapter(asset, manifest.flow.input)
        return Watch(
            record=record,
            bundle=bundle,
            announcer=announcer,
            sensor=SensorThread(position, asset, adapter, record, self._handover, self.give_up),
            flow=flow,
            range_max=asset.sensor.range_max,
            last_start_ns=0 if saved is None else saved.last_start_ns,
        )

    def _tick(self, now_s: float) -> None:
        for watch in self._watches:
            if watch is not None:
                watch.record.notice_silence(now_s)
                if watch.record.state != "running":
                    watch.announcer.alarm.state()
        self._herald.look()
        if now_s >= self._report_due_s:
            self._report_due_s = now_s + WRITE_INTERVAL_S
            self._keeper.do(self._write_report)
        if now_s >= self._save_due_s:
            self._save_due_s = now_s + self._config.state_save_s
            self._save()
        if self._end_with_data and self._loop.is_idle_for_good:
            self._last_call_s = self._last_call_s or now_s + _LAST_CALL_S
            if self._outbox.is_settled or now_s >= self._last_call_s:
                self._loop.stop()

    def _save(self) -> None:
        """Take every flow's state here, between two windows; write it elsewhere."""
        for watch in self._watches:
            if watch is None or not watch.record.windows:
                continue
            save = partial(
                self._state.save,
                watch.record.name,
                watch.bundle.sha256,
                watch.last_start_ns,
                watch.flow.state(),
            )
            self._keeper.do(save)

    def _write_report(self) -> None:
        write_report(status_file(Path(self._config.state_dir)), self._report())

    def _report(self) -> AgentReport:
        """Return how the agent is now; from any thread."""
        mqtt = self._config.mqtt
        return AgentReport(
            pid=os.getpid(),
            gateway=self._config.gateway,
            state_dir=self._config.state_dir,
            session=self._session.id,
            started=rfc3339(self._session.began_ns),
            written=rfc3339(time.time_ns()),
            written_boot_s=boot_time_s(),
            uptime_s=round(time.monotonic() - self._began_s, 3),
            versions=self._versions,
            time_quality=self._session.time_quality,
            metrics=self._door.metrics_url,
            socket=self._door.socket_path,
            process=process_report(),
            mqtt=link_report(f"{mqtt.host}:{mqtt.port}", self._link.state, self._outbox),
            assets=asset_reports(self._records),
        )

    def _end(self) -> None:
        self._notifier.send("STOPPING=1")
        deadline_s = time.monotonic() + _STOP_S
        sensors = [watch.sensor for watch in self._watches if watch is not None]
        for sensor in sensors:
            sensor.ask_to_stop()
        self._save()
        self._keeper.do(lambda: status_file(Path(self._config.state_dir)).unlink(missing_ok=True))
        self._door.stop(max(0.1, deadline_s - time.monotonic()))
        self._herald.stopped()
        self._link.stop(max(0.1, deadline_s - time.monotonic()))
        self._keeper.stop(max(0.1, deadline_s - time.monotonic()))
        for sensor in sensors:
            sensor.join(max(0.0, deadline_s - time.monotonic()))
        self._notifier.close()
        _log.info(
            "stopped after %d windows; messages not sent: %d waiting, %d dropped before",
            sum(record.windows for record in self._records),
            len(self._outbox),
            sum(self._outbox.dropped.values()),
        )


def run_agent(config: Config, password: str | None, *, end_with_data: bool = False) -> None:
    """Run the agent of ``config`` until it is told to stop.

    Raises:
        AlreadyRunningError: another one has the state directory.
        AgentFailed: it cannot go on.
        OSError: the state directory cannot be used.
    """
    state = StateDirectory(Path(config.state_dir))
    if not state.lock():
        raise AlreadyRunningError(f"another agent uses {config.state_dir}")
    try:
        Service(config, password, state).run(end_with_data=end_with_data)
    finally:
        state.close()


def _features(watches: Sequence[Watch | None]) -> tuple[PluginVersion, ...]:
    used = {
        (spec.plugin, spec.version)
        for watch in watches
        if watch is not None
        for spec in watch.bundle.manifest.flow.features
    }
    return tuple(
        PluginVersion(kind="feature", name=name, version=version) for name, version in sorted(used)
    )
