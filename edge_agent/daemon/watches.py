"""The assets under watch: made from the configuration, changed by a new one, saved."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from edge_agent.bundle import LoadedBundle
from edge_agent.daemon.alarm_state import AlarmStatement
from edge_agent.daemon.announce import Announcer
from edge_agent.daemon.config.settings import Asset, Publish
from edge_agent.daemon.judged import Judged
from edge_agent.daemon.keep import StateDirectory
from edge_agent.daemon.keeper import Keeper
from edge_agent.daemon.messages import PluginVersion
from edge_agent.daemon.outbox import Outbox, Store
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.scoring import Watch
from edge_agent.daemon.scoring_policy import ScoringPolicy
from edge_agent.daemon.sensors.adapt import Adapter
from edge_agent.daemon.sensors.thread import Handover, SensorThread
from edge_agent.daemon.session import Session
from edge_agent.pipeline.state import FlowState

_log = logging.getLogger(__name__)

_LEAVE_S = 5.0  # a sensor that was told to end and has not by then is not waited for


@dataclass(slots=True)
class _Post:
    """One asset of the configuration, and what became of it."""

    judged: Judged
    record: AssetRecord
    position: int
    watch: Watch | None = None


@dataclass(frozen=True, slots=True)
class _Carried:
    """Where an asset's flow was left."""

    bundle_sha256: str
    flow: FlowState
    clock: str
    last_start_ns: int


class Watches:
    """All assets, on the scoring thread."""

    def __init__(
        self,
        state: StateDirectory,
        keeper: Keeper,
        session: Session,
        outbox: Outbox,
        store: Store,
        handover: Handover,
        give_up: Callable[[str], None],
    ) -> None:
        """Begin without an asset.

        Args:
            state: where the state of flows is read and saved.
            keeper: does the saving.
            session: numbers what is announced.
            outbox: takes what is announced.
            store: knows how far each asset has come.
            handover: where sensors put their blocks.
            give_up: ends the agent, for policy ``error``.
        """
        self._state = state
        self._keeper = keeper
        self._session = session
        self._outbox = outbox
        self._store = store
        self._handover = handover
        self._give_up = give_up
        self._posts: dict[str, _Post] = {}
        self._positions = 0
        self._unstarted: list[Watch] = []
        self._leaving: list[SensorThread] = []
        self._leave_by_s = 0.0
        self.records: list[AssetRecord] = []
        self.running: dict[int, Watch] = {}

    def __str__(self) -> str:
        """What the service manager shows."""
        n, watched = len(self.records), len(self.running)
        count = str(n) if n == watched else f"{watched} of {n}"
        return f"watching {count} asset{'' if n == 1 else 's'}"

    def expect(self, assets: Sequence[Asset]) -> None:
        """Let the status name ``assets``, whose bundles are still to be loaded."""
        self.records[:] = [AssetRecord(asset.name, asset.sensor.plugin) for asset in assets]

    def add(self, judged: Judged, publish: Publish) -> None:
        """Watch an asset, or watch it by other settings; its sensor begins with ``start``.

        Its flow goes on where it was, in this run or an earlier one, if the bundle is the same.
        """
        record = AssetRecord(judged.asset.name, judged.asset.sensor.plugin)
        former = self._posts.get(record.name)
        carried = None if former is None else self._leave(former)
        names = [known.name for known in self.records]
        if record.name in names:
            self.records[names.index(record.name)] = record
        else:
            self.records.append(record)
        post = _Post(judged, record, self._positions)
        self._positions += 1  # never used again: blocks of a former sensor may be on their way
        self._posts[record.name] = post
        if judged.bundle is None:
            record.enter("failed", judged.reason, time.monotonic())
            AlarmStatement(record, self._session, self._outbox).state()
            return
        post.watch = self._watch(post, judged.bundle, publish, carried)
        self.running[post.position] = post.watch
        self._unstarted.append(post.watch)

    def remove(self, name: str) -> None:
        """Watch an asset no more; its state is kept, its retained messages are cleared."""
        post = self._posts.pop(name)
        self._leave(post)
        self.records.remove(post.record)
        self.forget(name)

    def forget(self, name: str) -> None:
        """Clear the retained messages of an asset that is not configured."""
        for kind in ("alarm", "model"):
            self._outbox.clear(kind, self._session.topics.of(name, kind))

    def arrange(self, names: Sequence[str]) -> None:
        """Bring the assets into the order of ``names``, which are all."""
        self.records.sort(key=lambda record: names.index(record.name))

    def alive(self) -> dict[str, Judged]:
        """Return what the assets run with, by name, without those that have failed for good."""
        return {
            name: post.judged
            for name, post in self._posts.items()
            if post.watch is not None
            and (post.watch.sensor.is_alive or post.record.state not in ("failed", "left_out"))
        }

    def lacking(self) -> tuple[Judged, ...]:
        """Return the assets that are not watched because no bundle works for them."""
        return tuple(post.judged for post in self._posts.values() if post.watch is None)

    def bundles(self) -> set[str]:
        """Return the sha256 of every bundle in use."""
        return {watch.bundle.sha256 for watch in self.running.values()}

    def publish(self, publish: Publish) -> None:
        """Send other per-window messages from now on."""
        for watch in self.running.values():
            watch.announcer.publish = publish

    def start(self, now_s: float) -> None:
        """Start the sensors that have not begun, once those that leave have let go of devices."""
        self._leaving = [sensor for sensor in self._leaving if sensor.is_alive]
        if self._leaving and now_s < self._leave_by_s:
            return
        for watch in self._unstarted:
            watch.sensor.start()
        self._unstarted.clear()

    def features(self) -> tuple[PluginVersion, ...]:
        """Return the feature plugins in use."""
        used = {
            (spec.plugin, spec.version)
            for watch in self.running.values()
            for spec in watch.bundle.manifest.flow.features
        }
        return tuple(
            PluginVersion(kind="feature", name=name, version=version)
            for name, version in sorted(used)
        )

    def look(self, now_s: float) -> None:
        """Notice sensors that have fallen silent; start what waits to be started."""
        self.start(now_s)
        for watch in self.running.values():
            watch.sensor.notice_hang(now_s)
            watch.record.notice_silence(now_s)
            if watch.record.state != "running":
                watch.announcer.alarm.state()

    def save(self) -> None:
        """Take every flow's state here, between two windows; write it elsewhere."""
        for watch in self.running.values():
            self._save(watch)

    def ask_to_stop(self) -> None:
        """Let every sensor end after its current read."""
        for watch in self.running.values():
            watch.sensor.ask_to_stop()

    def join(self, deadline_s: float) -> None:
        """Wait for the sensors' threads until ``deadline_s``, monotonic."""
        for sensor in [watch.sensor for watch in self.running.values()] + self._leaving:
            sensor.join(max(0.0, deadline_s - time.monotonic()))

    def _watch(
        self, post: _Post, bundle: LoadedBundle, publish: Publish, carried: _Carried | None
    ) -> Watch:
        asset, record = post.judged.asset, post.record
        manifest = bundle.manifest
        record.budget = manifest.flow.budget
        record.model, record.model_sha256 = f"{manifest.name} {manifest.version}", bundle.sha256
        flow = bundle.flow(asset.sensor.range_max, asset.limit_mm_s)
        mark = None
        if carried is None or carried.bundle_sha256 != bundle.sha256:
            carried = self._load(asset.name, bundle.sha256)
            mark = self._store.mark(asset.name, bundle.sha256)
        if carried is not None:
            try:
                flow.restore(carried.flow)
            except ValueError as error:
                _log.warning("asset %s: saved state: %s; beginning empty", asset.name, error)
                carried = None
                flow = bundle.flow(asset.sensor.range_max, asset.limit_mm_s)
        clock = "" if carried is None else carried.clock
        last_start_ns = 0 if carried is None else carried.last_start_ns
        if mark is not None:  # newer than the state, or as new
            if mark.clock != clock:
                flow.change_clock()
            flow.resume(mark.flow)
            clock, last_start_ns = mark.clock, mark.last_start_ns
        record.open = flow.judge.anomalies.open
        announcer = Announcer(record, bundle, publish, self._session, self._outbox)
        announcer.model("empty" if carried is None else "restored", flow.judge.anomalies.open)
        adapter = Adapter(asset, manifest.flow.input)
        return Watch(
            record=record,
            bundle=bundle,
            announcer=announcer,
            sensor=SensorThread(
                post.position,
                asset,
                adapter,
                record,
                self._handover,
                self._session.clock,
                self._give_up,
            ),
            flow=flow,
            range_max=asset.sensor.range_max,
            policy=ScoringPolicy(asset.sensor.on_failure, self._give_up),
            clock=clock,
            last_start_ns=last_start_ns,
        )

    def _load(self, name: str, sha256: str) -> _Carried | None:
        saved = self._state.load(name, sha256)
        if saved is None:
            return None
        return _Carried(sha256, saved.flow, saved.clock, saved.last_start_ns)

    def _leave(self, post: _Post) -> _Carried | None:
        """Stop what watches an asset; return where it was."""
        watch = post.watch
        if watch is None:
            return None
        del self.running[post.position]
        if watch in self._unstarted:
            self._unstarted.remove(watch)
        watch.sensor.ask_to_stop()
        self._leaving.append(watch.sensor)
        self._leave_by_s = time.monotonic() + _LEAVE_S
        self._save(watch)
        return _Carried(watch.bundle.sha256, watch.flow.state(), watch.clock, watch.last_start_ns)

    def _save(self, watch: Watch) -> None:
        if not watch.record.windows:
            return
        save = partial(
            self._state.save,
            watch.record.name,
            watch.bundle.sha256,
            watch.clock,
            watch.last_start_ns,
            watch.flow.state(),
        )
        self._keeper.do(save)
