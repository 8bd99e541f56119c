"""The agent as a whole: starts the parts in order, scores until told to stop, ends in a second."""

import logging
import signal
import threading
import time
from pathlib import Path
from types import FrameType

from edge_agent.daemon.account import Account
from edge_agent.daemon.alarms.desk import Desk
from edge_agent.daemon.alarms.handlers import AlarmCommands
from edge_agent.daemon.assembly import Assembly
from edge_agent.daemon.birth import Herald
from edge_agent.daemon.changes import Changes
from edge_agent.daemon.commands.audit import Audit
from edge_agent.daemon.commands.bus import Bus
from edge_agent.daemon.commands.requests import Commission, Model
from edge_agent.daemon.commissioning.commissioner import Commissioner
from edge_agent.daemon.commissioning.overlays import overlays_in
from edge_agent.daemon.config.enrolled import enrolled_as
from edge_agent.daemon.config.remote import read_settings
from edge_agent.daemon.config.settings import Config
from edge_agent.daemon.keep import StateDirectory
from edge_agent.daemon.keeper import Keeper
from edge_agent.daemon.local.door import LocalDoor
from edge_agent.daemon.local.lookout import Lookout
from edge_agent.daemon.models import Models, versions
from edge_agent.daemon.mqtt.credentials import Credentials
from edge_agent.daemon.mqtt.inbox import Inbox
from edge_agent.daemon.mqtt.link import MqttLink
from edge_agent.daemon.outbox import Outbox, Store
from edge_agent.daemon.recorder.recorder import FOLDER, Recorder
from edge_agent.daemon.scoring import ScoringLoop
from edge_agent.daemon.sensors.thread import Handover
from edge_agent.daemon.session import Session
from edge_agent.daemon.status import WRITE_INTERVAL_S, run_folder
from edge_agent.daemon.systemd import Notifier, Watchdog, has_terminal, watchdog_timeout_s
from edge_agent.daemon.topics import Topics
from edge_agent.daemon.trial.handlers import register_trials
from edge_agent.daemon.trial.trials import Trials
from edge_agent.daemon.update.steps import recovered_steps
from edge_agent.daemon.update.surroundings import Surroundings
from edge_agent.daemon.update.updates import Updates
from edge_agent.daemon.watches import Watches

_log = logging.getLogger(__name__)

_STOP_S = 0.6  # SIGTERM ends within a second; the rest is for the interpreter
_LAST_CALL_S = 30.0  # an agent that ends by itself waits that long for the broker to take all


class AgentFailed(Exception):  # noqa: N818 - as ConnectionFailed
    """The agent cannot go on; the message says why."""


class Service:
    """All parts of one agent."""

    def __init__(
        self,
        path: Path,
        config: Config,
        credentials: Credentials,
        state: StateDirectory,
    ) -> None:
        """Prepare; nothing runs before ``run``.

        Args:
            path: main file of the configuration, read again on SIGHUP.
            config: what it said, complete and sound.
            credentials: for the broker.
            state: locked by the caller.
        """
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
        known_versions = versions()
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
            self._session, self._watches.records, self._outbox, self._store, known_versions
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
        models = Models(state.path / "verified.json", overlays)
        read_with = read_settings(state.path).in_force
        steps = recovered_steps(state.path)
        self._changes = Changes(
            path,
            (config, credentials, models),
            steps.settings.kept.in_use,
            self._watches,
            self._herald,
            self._link,
            self._notifier,
            self._keeper.do,
        )
        if self._changes.remote != read_with:
            self._changes.ask()
        self._updates = Updates(
            steps,
            Surroundings(
                enrolled=enrolled_as(config),
                session=self._session,
                outbox=self._outbox,
                watches=self._watches,
                trials=self._trials,
                changes=self._changes,
                in_background=do,
                wake=wake,
            ),
        )
        self._bus.register(Model, self._updates.by_hand.command)
        if self._updates.desires is not None:
            self._link.more_ears = (self._updates.desires,)
        self._commissioner = Commissioner(self._watches, overlays, self._recorder, self._keeper.do)
        self._bus.register(Commission, self._commissioner.command)
        self._failure: str | None = None
        lookout = Lookout()
        folder = run_folder(Path(config.state_dir))
        self._account = Account(
            session=self._session,
            changes=self._changes,
            versions=known_versions,
            door=lambda: self._door,
            link=self._link,
            inbox=self._inbox.state,
            store=self._store,
            watches=self._watches,
            recorder=self._recorder,
            trials=self._trials,
            updates=self._updates,
        )
        report, submit = self._account.report, self._bus.submit
        self._door = LocalDoor(folder, config.metrics, lookout, report, submit)
        self._loop = ScoringLoop(
            self._watches.running,
            self._handover,
            Watchdog(self._notifier, watchdog_timeout_s()),
            self._session.clock,
            self._tick,
            lookout,
            self._serve,
        )
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
        self._changes.ask()

    def _begin(self) -> None:
        if not self._changes.begin(lambda: self._loop.is_stopping):
            return
        if self._end_with_data and not self._watches.running:
            reasons = dict.fromkeys(str(record.reason) for record in self._watches.records)
            raise AgentFailed(f"no asset can be scored: {'; '.join(reasons)}")
        known = {ledger.asset for ledger in self._store.ledger.snapshot().assets}
        for former in known - {asset.name for asset in self._changes.config.asset}:
            self._watches.forget(former)
        self._watches.start(time.monotonic())

    def _tick(self, now_s: float) -> None:
        self._watches.look(now_s)
        self._trials.look(now_s)
        self._desk.look()
        self._session.clock.utc_offset_ns()  # a step is seen by asking
        self._herald.look()
        self._changes.look(now_s)
        self._updates.look(now_s)
        self._commissioner.look(self._changes.models)
        if now_s >= self._report_due_s:
            self._report_due_s = now_s + WRITE_INTERVAL_S
            self._keeper.do(self._account.write)
        self._save_due_s = min(self._save_due_s, now_s + self._changes.config.state_save_s)
        if now_s >= self._save_due_s:
            self._save_due_s = now_s + self._changes.config.state_save_s
            self._watches.save()
        if self._end_with_data and self._loop.is_idle_for_good:
            self._last_call_s = self._last_call_s or now_s + _LAST_CALL_S
            if self._outbox.is_settled or now_s >= self._last_call_s:
                self._loop.stop()

    def _serve(self) -> None:
        self._bus.serve()
        self._watches.swaps.turn()
        self._trials.turn()
        self._updates.turn()

    def _end(self) -> None:
        self._notifier.send("STOPPING=1")
        deadline_s = time.monotonic() + _STOP_S
        self._watches.ask_to_stop()
        self._watches.save()
        self._trials.save()
        self._updates.end()
        self._keeper.do(self._account.remove)
        self._door.stop(max(0.1, deadline_s - time.monotonic()))
        self._herald.stopped()
        self._link.stop(max(0.1, deadline_s - time.monotonic()))
        self._store.stop(max(0.1, deadline_s - time.monotonic()))
        self._keeper.stop(max(0.1, deadline_s - time.monotonic()))
        self._watches.join(deadline_s)
        self._trials.join(max(0.0, deadline_s - time.monotonic()))
        self._commissioner.join(max(0.0, deadline_s - time.monotonic()))
        self._changes.join(deadline_s)
        self._updates.join(max(0.0, deadline_s - time.monotonic()))
        self._notifier.close()
        self._account.close()
