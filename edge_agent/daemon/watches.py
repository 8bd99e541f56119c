"""The assets under watch: made from the configuration, changed by a new one, saved."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from edge_agent.daemon.alarm_state import AlarmStatement
from edge_agent.daemon.alarms.desk import Desk
from edge_agent.daemon.assembly import Assembly
from edge_agent.daemon.config.settings import Asset, Publish
from edge_agent.daemon.judged import Judged
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.resumption import Left
from edge_agent.daemon.scoring import Watch
from edge_agent.daemon.sensors.thread import Handover, SensorThread
from edge_agent.daemon.session import Session
from edge_agent.daemon.status_message import PluginVersion
from edge_agent.daemon.swap import Done
from edge_agent.daemon.swaps import Swaps
from edge_agent.pipeline.succession import cuts_alike

_log = logging.getLogger(__name__)

_LEAVE_S = 5.0  # a sensor that was told to end and has not by then is not waited for


@dataclass(slots=True)
class _Post:
    """One asset of the configuration, and what became of it."""

    judged: Judged
    record: AssetRecord
    position: int
    watch: Watch | None = None


class Watches:
    """All assets, on the scoring thread."""

    def __init__(
        self,
        assembly: Assembly,
        session: Session,
        outbox: Outbox,
        handover: Handover,
        desk: Desk,
    ) -> None:
        """Begin without an asset.

        Args:
            assembly: puts together what watches one.
            session: numbers what is announced.
            outbox: takes what is announced.
            handover: wakes the scoring loop.
            desk: knows the alarms.
        """
        self._assembly = assembly
        self._session = session
        self._outbox = outbox
        self._desk = desk
        self._posts: dict[str, _Post] = {}
        self.swaps = Swaps(assembly, handover)
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
        self.swaps.drop(record.name)
        former = self._posts.get(record.name)
        left = None if former is None else self._leave(former)
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
            AlarmStatement(record, self._desk).state()
            return
        post.watch = self._assembly.watch(
            judged, judged.bundle, record, post.position, publish, left
        )
        self.running[post.position] = post.watch
        self._unstarted.append(post.watch)

    def swap(self, judged: Judged, done: Done = lambda _: None) -> None:
        """Have a running asset judged by another bundle from a window on; none is lost between.

        That is so as soon as the new one is warmed up by ``swaps``. A bundle that takes another
        input begins at once, its sensor anew, and its first window says that there is a gap.

        Args:
            judged: the asset with its new bundle.
            done: is told how it ended: None, or why the former bundle goes on.

        Raises:
            KeyError: the asset is not watched.
        """
        name, bundle = judged.asset.name, judged.bundle
        post = self._posts[name]
        watch = post.watch
        if watch is None:
            raise KeyError(name)
        if bundle is None:
            done(judged.reason)
            return
        if not cuts_alike(bundle.manifest.flow, watch.flow.spec):
            _log.info("asset %s: the new bundle takes another input: its sensor begins anew", name)
            self.add(judged, watch.announcer.publish)
            done(None)
            return
        self.swaps.begin(judged, bundle, watch, partial(self._swapped, post, judged, done))

    def remove(self, name: str) -> None:
        """Watch an asset no more; its state is kept, its retained messages are cleared."""
        self.swaps.drop(name)
        post = self._posts.pop(name)
        self._leave(post)
        self.records.remove(post.record)
        self._desk.leave(name)
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

    def watch_of(self, name: str) -> Watch | None:
        """Return what watches an asset; None where nothing does."""
        post = self._posts.get(name)
        return None if post is None else post.watch

    def asset_of(self, name: str) -> Asset:
        """Return the settings of a watched asset. Raises KeyError."""
        return self._posts[name].judged.asset

    def bundles(self) -> set[str]:
        """Return the model ids of all bundles in use."""
        return {watch.bundle.model_id for watch in self.running.values()}

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
            self._assembly.save(watch)

    def ask_to_stop(self) -> None:
        """Let every sensor end after its current read."""
        for watch in self.running.values():
            watch.sensor.ask_to_stop()

    def join(self, deadline_s: float) -> None:
        """Wait for the sensors' threads until ``deadline_s``, monotonic."""
        for sensor in [watch.sensor for watch in self.running.values()] + self._leaving:
            sensor.join(max(0.0, deadline_s - time.monotonic()))

    def _swapped(self, post: _Post, judged: Judged, done: Done, reason: str | None) -> None:
        if reason is None:
            post.judged = judged
        done(reason)

    def _leave(self, post: _Post) -> Left | None:
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
        self._assembly.save(watch)
        return Left(watch.bundle.model_id, watch.flow.state(), watch.clock, watch.last_start_ns)
