"""Learns what an asset looks like while it is healthy, and pictures its anomalies.

The scoring thread only copies a window now and then; all computing is done by ``do``.
"""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.bundle import LoadedBundle
from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.alarms.messages import Level
from edge_agent.daemon.config.settings import Asset
from edge_agent.daemon.envelope import message_id
from edge_agent.daemon.messages import AnomalyEvent, HealthyPeriod, Snapshot
from edge_agent.daemon.outbox import Entry, Outbox
from edge_agent.daemon.recorder.reference import Reference, Unkept
from edge_agent.daemon.recorder.snapshots import FOLDER, keep_snapshot
from edge_agent.daemon.session import Session
from edge_agent.pipeline.evidence import Describer, FeatureEvidence
from edge_agent.pipeline.healthy import Healthy, Measured, is_calm, learned
from edge_agent.pipeline.picture import Camera, ChannelPicture
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.state import unpack
from edge_agent.pipeline.window import Window

_log = logging.getLogger(__name__)

MAX_BYTES = 32 * 1024  # of a snapshot: what a broker on a slow line takes in its stride
_POINTS = 2048  # of all waveforms of a window together
_MOST_POINTS, _FEWEST_POINTS = 1024, 128
_SAVE_EVERY = 16  # windows that were learned from
_OTHERS = 8  # features that are far from healthy, beside the responsible ones

Job = Callable[[], None]


class Witness:
    """What is known of one asset beyond its scores."""

    def __init__(
        self,
        bundle: LoadedBundle,
        reference: Reference | Unkept,
        describer: Describer,
        session: Session,
        do: Callable[[Job], None],
        deliver: Callable[[Snapshot], None],
    ) -> None:
        """Begin with what ``reference`` holds.

        Args:
            bundle: what judges.
            reference: where what is learned is kept.
            describer: of the bundle's features.
            session: numbers the snapshots.
            do: runs a job soon, one after the other, not on the scoring thread.
            deliver: takes a snapshot, in such a job.
        """
        self._manifest = bundle.manifest
        self._reference = reference
        self._describer = describer
        self._session = session
        self._do = do
        self._deliver = deliver
        self._camera: Camera | None = None
        self._healthy: Healthy | None = None
        self._ranges: NDArray[np.float32] | None = None
        self._is_known = False  # what was learned before has been read
        self._is_learned = False  # nothing more is to be learned
        self._is_busy = False  # a window is being learned from
        self._pictured: tuple[str, Level] | None = None
        self._sees = bundle.manifest.flow.input.kind == "samples"
        do(self._load)

    def evidence(
        self, responsible: tuple[tuple[str, float], ...], result: WindowResult
    ) -> tuple[FeatureEvidence, ...]:
        """Set the ``responsible`` features beside what they were when the machine was healthy."""
        values = self._describer.values(result.vector, result.velocity_mm_s)
        return self._describer.evidence(responsible, values, self._ranges)

    def see(self, window: Window, result: WindowResult, event: AnomalyEvent | None) -> None:
        """Learn from a calm window; picture one in which an anomaly opened or became an alarm."""
        if event is not None and self._is_news(event):
            values = self._describer.values(result.vector, result.velocity_mm_s)
            samples = window.samples.copy()
            self._do(partial(self._guard, partial(self._picture, samples, values, event)))
        elif self._is_known and not (self._is_learned or self._is_busy) and is_calm(result):
            if self._healthy is not None and not self._healthy.is_due(result.start_ns):
                return
            self._is_busy = True
            values = self._describer.values(result.vector, result.velocity_mm_s)
            samples = window.samples.copy()
            learn = partial(self._learn, samples, values, result.start_ns)
            self._do(partial(self._guard, learn))

    def _is_news(self, event: AnomalyEvent) -> bool:
        known, self._pictured = self._pictured, (event.anomaly_id, event.level)
        return event.event != "close" and known != self._pictured

    def relearn(self) -> None:
        """Forget what is healthy, as after a repair, and learn it from what comes now."""
        self._do(self._forget)

    # By ``do``.

    def _guard(self, job: Job) -> None:
        """Do ``job``; what a feature raises there costs a picture, and neither scores nor agent."""
        try:
            job()
        except OSError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            self._is_learned = True  # it would fail with every window
            name = self._reference.asset
            _log.warning("asset %s: no picture: %s: %s", name, type(error).__name__, error)

    def _load(self) -> None:
        self._take(self._reference.load())
        self._is_known = True

    def _forget(self) -> None:
        self._take(None)
        self._reference.forget()

    def _take(self, healthy: Healthy | None) -> None:
        self._ranges = None if healthy is None else unpack(healthy.ranges).astype(np.float32)
        self._is_learned = healthy is not None and healthy.is_complete
        # Once all is learned, only the ranges stay in memory.
        self._healthy = None if self._is_learned else healthy

    def _learn(
        self, samples: NDArray[np.float32], values: NDArray[np.float32], start_ns: int
    ) -> None:
        try:
            camera = self._opened()
            if camera is None:
                measured = Measured(values=values, levels_db=None, lines=(), waveforms=())
            else:
                known = 0 if self._healthy is None else self._healthy.windows
                points = 0 if known % _SAVE_EVERY else self._points
                measured = camera.take(samples, values, points)[0]
            healthy = learned(self._healthy, self._describer.names, measured, start_ns)
            self._take(healthy)
            if healthy.is_complete or healthy.windows % _SAVE_EVERY == 0:
                self._reference.save(healthy)
        finally:
            self._is_busy = False

    def _picture(
        self, samples: NDArray[np.float32], values: NDArray[np.float32], event: AnomalyEvent
    ) -> None:
        # Read again where memory holds the ranges alone.
        healthy = self._healthy or self._reference.load()
        camera = self._opened()
        ranges = None if healthy is None else unpack(healthy.ranges).astype(np.float32)
        pictures: tuple[ChannelPicture, ...] = ()
        if camera is not None:
            pictures = camera.pictures(samples, values, healthy, self._points)
        named = [one.channel for one in event.features]
        others = self._describer.others(event.features, values, ranges, _OTHERS)
        flow = self._manifest.flow
        topic = self._session.topics.of(event.asset, "snapshot")
        envelope = self._session.envelope(
            topic, message_id(event.gateway, event.asset, "snapshot", event.id), 0, 0
        )
        envelope["start"], envelope["end"] = event.start, event.end
        snapshot = Snapshot(
            asset=event.asset,
            event=event,
            others=others,
            healthy=None if healthy is None else _period(healthy),
            model=f"{self._manifest.name} {self._manifest.version}",
            unit=flow.input.unit,
            rate_hz=flow.input.rate_hz,
            edges_hz=() if camera is None else camera.edges_hz,
            channels=tuple(
                sorted(
                    pictures,
                    key=lambda one: named.index(one.name) if one.name in named else len(named),
                )
            ),
            channels_left_out=(),
            **envelope,
        )
        self._deliver(bounded(snapshot))

    @property
    def _points(self) -> int:
        channels = len(self._manifest.flow.input.feature_input().channels)
        fair = _POINTS // channels // 2 * 2
        return min(_MOST_POINTS, max(_FEWEST_POINTS, fair))

    def _opened(self) -> Camera | None:
        """Return the camera, for the thread of the jobs alone; None where there are no samples."""
        if self._camera is None and self._sees:
            self._camera = Camera(self._manifest.flow)
        return self._camera


def describer_of(bundle: LoadedBundle, *, velocity: bool) -> Describer:
    """Return what describes the features of ``bundle``, and ``velocity`` where that is watched."""
    units = () if bundle.features is None else bundle.features.units
    return Describer(bundle.manifest.flow, units, velocity=velocity)


def daemon_witness(
    asset: Asset,
    bundle: LoadedBundle,
    state_path: Path,
    session: Session,
    outbox: Outbox,
    do: Callable[[Job], None],
) -> Witness:
    """Return the witness of an asset of the daemon: snapshots go to the broker and to the disk.

    Args:
        asset: its settings.
        bundle: what judges it.
        state_path: the agent's folder.
        session: numbers the snapshots.
        outbox: takes them.
        do: as of Witness.
    """
    describer = describer_of(bundle, velocity=asset.limit_mm_s is not None)
    reference = Reference(state_path / "recorder", asset.name, bundle.manifest, describer.names)

    def deliver(snapshot: Snapshot) -> None:
        topic = session.topics.of(asset.name, "snapshot")
        outbox.put(Entry(asset.name, messages=[("snapshot", topic, snapshot)]))
        keep_snapshot(state_path / FOLDER, snapshot)

    return Witness(bundle, reference, describer, session, do, deliver)


def _period(healthy: Healthy) -> HealthyPeriod:
    return HealthyPeriod(
        windows=healthy.windows, start=rfc3339(healthy.first_ns), end=rfc3339(healthy.last_ns)
    )


def bounded(snapshot: Snapshot) -> Snapshot:
    """Leave out the least responsible channels until the message is small enough."""
    while len(msgspec.json.encode(snapshot)) > MAX_BYTES and snapshot.channels:
        *kept, last = snapshot.channels
        left_out = (last.name, *snapshot.channels_left_out)
        snapshot = msgspec.structs.replace(
            snapshot, channels=tuple(kept), channels_left_out=left_out
        )
    return snapshot
