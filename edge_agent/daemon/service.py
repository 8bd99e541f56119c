"""The agent as a whole: starts the parts in order, scores until told to stop, ends in a second."""

import logging
import os
import signal
import threading
import time
from functools import partial
from pathlib import Path
from types import FrameType

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.alarms.desk import Desk
from edge_agent.daemon.alarms.handlers import AlarmCommands
from edge_agent.daemon.assembly import Assembly
from edge_agent.daemon.birth import Herald
from edge_agent.daemon.commands.audit import Audit
from edge_agent.daemon.commands.bus import Bus
from edge_agent.daemon.commands.requests import Commission
from edge_agent.daemon.commissioning.commissioner import Commissioner
from edge_agent.daemon.commissioning.overlays import overlays_in
from edge_agent.daemon.config.settings import Config
from edge_agent.daemon.judged import judge
from edge_agent.daemon.keep import StateDirectory
from edge_agent.daemon.keeper import Keeper
from edge_agent.daemon.late_bundles import LateBundles
from edge_agent.daemon.local.door import LocalDoor
from edge_agent.daemon.local.lookout import Lookout
from edge_agent.daemon.models import Models, versions
from edge_agent.daemon.mqtt.credential_watch import CredentialWatch
from edge_agent.daemon.mqtt.credentials import Credentials
from edge_agent.daemon.mqtt.inbox import Inbox
from edge_agent.daemon.mqtt.link import MqttLink
from edge_agent.daemon.outbox import Outbox, Store
from edge_agent.daemon.recorder.recorder import FOLDER, Recorder
from edge_agent.daemon.reload import Plan, Reloader, Running
from edge_agent.daemon.report import AgentReport, asset_reports, link_report, process_report
from edge_agent.daemon.scoring import ScoringLoop
from edge_agent.daemon.sensors.thread import Handover
from edge_agent.daemon.session import Session
from edge_agent.daemon.status import (
    WRITE_INTERVAL_S,
    boot_time_s,
    run_folder,
    status_file,
    write_report,
)
from edge_agent.daemon.systemd import Notifier, Watchdog, has_terminal, watchdog_timeout_s
from edge_agent.daemon.topics import Topics
from edge_agent.daemon.trial.handlers import register_trials
from edge_agent.daemon.trial.trials import Trials
from edge_agent.daemon.watches import Watches

_log = logging.getLogger(__name__)

_STOP_S = 0.6  # SIGTERM ends within a second; the rest is for the interpreter
_LAST_CALL_S = 30.0  # an agent that ends by itself waits that long for the broker to take all


class AgentFailed(Exception):  # noqa: N818 - as ConnectionFailed
    """The agent cannot go on; the message says why."""


class Service:
    """All parts of one agent."""

    def __init__(
        self, path: Path, config: Config, credentials: Credentials, state: StateDirectory
    ) -> None:
        """Prepare; nothing runs before ``run``.

        Args:
            path: main file of the configuration, read again on SIGHUP.
            config: what it said, complete and sound.
            credentials: for the broker.
            state: locked by the caller.
        """
        self._config = config
        self._credentials = credentials
        self._notifier = Notifier.from_environment()
        self._outbox = Outbox(config.outbox.backlog_per_s)
        self._keeper = Keeper()
        self._recorder = Recorder(state.path / FOLDER, config.recorder)
        self._store = Store(
            self._outbox,
            config.outbox,
            state.path,
            in_background=self._keeper.do,
            record=self._recorder.write,
        )
        self._session = Session(Topics(config.mqtt.root, config.gateway))
        self._versions = versions()
        self._handover = Handover()
        audit = Audit(state.path)
        self._bus = Bus(audit, self._handover.wake, self._keeper.do)
        self._desk = Desk(state.path, audit, self._session, self._outbox, self._keeper.do)
        AlarmCommands(self._desk, lambda: self._store.state.durable).register(self._bus)
        assembly = Assembly(
            state,
            self._keeper,
            self._session,
            self._store,
            self._recorder,
            self._handover,
            self.give_up,
            self._desk,
        )
        self._watches = Watches(assembly, self._session, self._outbox, self._handover, self._desk)
        self._watches.expect(config.asset)
        self._herald = Herald(
            self._session, self._watches.records, self._outbox, self._store, self._versions
        )
        self._inbox = Inbox(self._session, self._outbox, self._bus.submit)
        self._link = MqttLink(
            config.mqtt,
            credentials.password,
            self._outbox,
            self._session.topics.status,
            self._herald.will,
            self._herald.connected,
            self._herald.leaving,
            self._inbox,
        )
        do, wake = self._keeper.do, self._handover.wake
        self._trials = Trials(self._watches, self._recorder, state.path, do, wake)
        register_trials(self._bus, self._trials, do)
        overlays = overlays_in(state.path)
        self._models = Models(state.path / "verified.json", overlays)
        self._commissioner = Commissioner(self._watches, overlays, self._recorder, self._keeper.do)
        self._bus.register(Commission, self._commissioner.command)
        self._reloader = Reloader(path, self._notifier)
        self._late = LateBundles()
        self._renewal = CredentialWatch(config.mqtt, credentials, self._link.use)
        self._failure: str | None = None
        lookout = Lookout()
        folder = run_folder(Path(config.state_dir))
        self._door = LocalDoor(folder, config.metrics, lookout, self._report, self._bus.submit)
        self._loop = ScoringLoop(
            self._watches.running,
            self._handover,
            Watchdog(self._notifier, watchdog_timeout_s()),
            self._session.clock,
            self._tick,
            lookout,
            self._serve,
        )
        self._began_s = time.monotonic()
        self._end_with_data = False
        self._last_call_s: float | None = None
        self._save_due_s = time.monotonic() + config.state_save_s
        self._report_due_s = 0.0

    def run(self, *, end_with_data: bool = False) -> None:
        """Score until SIGTERM or SIGINT; read the configuration again on SIGHUP.

        Args:
            end_with_data: end also when no sensor will ever deliver another block, and all has
                been sent or could not be for half a minute.

        Raises:
            AgentFailed: no asset can be scored and the end is to come with the data, a sensor
                failed whose policy is ``error``, or a thread ended that should not.
        """
        self._end_with_data = end_with_data
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        if not has_terminal():  # where there is one, its end is to be the agent's
            signal.signal(signal.SIGHUP, self._on_hangup)
        inherited_hook, threading.excepthook = threading.excepthook, self._on_thread_failure
        self._store.start()
        self._link.start()
        self._keeper.start()
        self._door.start()
        try:
            self._begin()
            self._notifier.send("READY=1", f"STATUS={self._watches}")
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

    def _on_hangup(self, _number: int, _frame: FrameType | None) -> None:
        self._reloader.ask()

    def _begin(self) -> None:
        for asset in self._config.asset:
            if self._loop.is_stopping:  # verifying many bundles takes longer than ending may
                return
            self._watches.add(judge(asset, self._models), self._config.publish)
        if self._end_with_data and not self._watches.running:
            reasons = dict.fromkeys(str(record.reason) for record in self._watches.records)
            raise AgentFailed(f"no asset can be scored: {'; '.join(reasons)}")
        known = {ledger.asset for ledger in self._store.ledger.snapshot().assets}
        for former in known - {asset.name for asset in self._config.asset}:
            self._watches.forget(former)
        self._herald.features = self._watches.features()
        self._watches.start(time.monotonic())

    def _tick(self, now_s: float) -> None:
        self._watches.look(now_s)
        self._trials.look(now_s)
        self._desk.look()
        self._session.clock.utc_offset_ns()  # a step is seen by asking
        self._herald.look()
        self._reload()
        self._commissioner.look(self._models)
        self._look_for_bundles(now_s)
        if now_s >= self._report_due_s:
            self._report_due_s = now_s + WRITE_INTERVAL_S
            self._keeper.do(self._write_report)
        if self._renewal.is_due(now_s):
            self._keeper.do(self._renewal.look)
        if now_s >= self._save_due_s:
            self._save_due_s = now_s + self._config.state_save_s
            self._watches.save()
        if self._end_with_data and self._loop.is_idle_for_good:
            self._last_call_s = self._last_call_s or now_s + _LAST_CALL_S
            if self._outbox.is_settled or now_s >= self._last_call_s:
                self._loop.stop()

    def _serve(self) -> None:
        self._bus.serve()
        self._watches.turn()
        self._trials.turn()

    def _reload(self) -> None:
        if self._watches.is_swapping:  # the last one is not over yet
            return
        if self._reloader.is_being_applied:
            self._use(self._models)
            self._reloader.finish(str(self._watches))
        if self._reloader.is_wanted and not self._late.is_looking:
            judged = self._watches.alive()
            running = Running(self._config, self._credentials, self._models, judged)
            self._reloader.begin(running)
        plan = self._reloader.take()
        if plan is not None:
            self._apply(plan)

    def _look_for_bundles(self, now_s: float) -> None:
        found = self._late.take(now_s)
        if found is not None:
            for judged in found.judged:
                self._watches.add(judged, self._config.publish)
            self._use(found.models)
            self._notifier.send(f"STATUS={self._watches}")
        if not self._reloader.is_reading:
            self._late.look(now_s, self._watches.lacking(), self._models)

    def _use(self, models: Models) -> None:
        self._models = models
        self._models.keep(self._watches.bundles())
        self._herald.features = self._watches.features()

    def _apply(self, plan: Plan) -> None:
        """Go over to another configuration, between two windows."""
        config = plan.config
        for name in plan.removed:
            self._watches.remove(name)
        self._watches.publish(config.publish)
        for judged in plan.begin:
            self._watches.add(judged, config.publish)
        for judged in plan.swap:
            self._watches.swap(judged, done=partial(self._reloader.swapped, judged.asset.name))
        self._watches.arrange([asset.name for asset in config.asset])
        self._models = plan.models
        self._save_due_s = min(self._save_due_s, time.monotonic() + config.state_save_s)
        self._config, self._credentials = config, plan.credentials
        if plan.reconnect:
            self._renewal = CredentialWatch(config.mqtt, plan.credentials, self._link.use)
            self._link.use(config.mqtt, plan.credentials.password)

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
            clock_stepped=self._session.clock.step,
            metrics=self._door.metrics_url,
            socket=self._door.socket_path,
            process=process_report(),
            mqtt=link_report(f"{mqtt.host}:{mqtt.port}", self._link.state, self._inbox.state),
            outbox=self._store.state,
            ledger=self._store.ledger.snapshot(),
            assets=asset_reports(list(self._watches.records), self._recorder),
            reload=self._reloader.last,
            trials=self._trials.reports,
        )

    def _end(self) -> None:
        self._notifier.send("STOPPING=1")
        deadline_s = time.monotonic() + _STOP_S
        self._watches.ask_to_stop()
        self._watches.save()
        self._trials.save()
        self._keeper.do(lambda: status_file(Path(self._config.state_dir)).unlink(missing_ok=True))
        self._door.stop(max(0.1, deadline_s - time.monotonic()))
        self._herald.stopped()
        self._link.stop(max(0.1, deadline_s - time.monotonic()))
        self._store.stop(max(0.1, deadline_s - time.monotonic()))
        self._keeper.stop(max(0.1, deadline_s - time.monotonic()))
        self._watches.join(deadline_s)
        self._trials.join(max(0.0, deadline_s - time.monotonic()))
        self._commissioner.join(max(0.0, deadline_s - time.monotonic()))
        self._late.join(max(0.0, deadline_s - time.monotonic()))
        self._reloader.join(max(0.0, deadline_s - time.monotonic()))
        self._notifier.close()
        total = self._store.ledger.snapshot().total()
        _log.info(
            "stopped after %d windows; messages not sent: %d waiting; since installation:"
            " %d evicted, %d expired, %d refused, %d lost",
            sum(record.windows for record in self._watches.records),
            total.pending,
            total.evicted,
            total.expired,
            total.refused,
            total.lost,
        )
