"""Snapshots of a recording's anomalies, as the daemon would have made them."""

from collections.abc import Callable
from pathlib import Path

from edge_agent.bundle import LoadedBundle
from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.alarms.level import level_of
from edge_agent.daemon.envelope import message_id
from edge_agent.daemon.messages import AnomalyEvent, Snapshot
from edge_agent.daemon.recorder.reference import Unkept
from edge_agent.daemon.recorder.snapshots import keep_snapshot
from edge_agent.daemon.session import Session
from edge_agent.daemon.topics import Topics
from edge_agent.daemon.witness import Witness, describer_of
from edge_agent.pipeline.alarm import Event
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.window import Window

GATEWAY = "replay"
_ROOT = "edge/v1"

Seen = Callable[[Window, WindowResult], None]


class Replayed:
    """Watches the windows of one recording."""

    def __init__(self, bundle: LoadedBundle, asset: str, folder: Path) -> None:
        """Write into ``folder`` what opens in the recording of ``asset``, judged by ``bundle``."""
        self._bundle = bundle
        self._asset = asset
        self._folder = folder
        self._session = Session(Topics(_ROOT, GATEWAY))
        self._witness = Witness(
            bundle,
            Unkept(asset),
            describer_of(bundle, velocity=False),
            self._session,
            lambda job: job(),
            self._keep,
        )

    def see(self, window: Window, result: WindowResult) -> None:
        """Take the next window. Raises OSError where a snapshot cannot be written."""
        event = None if result.event is None else self._message(result, result.event)
        self._witness.see(window, result, event)

    def _message(self, result: WindowResult, event: Event) -> AnomalyEvent:
        topic = self._session.topics.of(self._asset, "anomaly")
        anomaly_id = message_id(
            GATEWAY, self._asset, self._bundle.sha256, event.number, event.start_ns
        )
        own_id = message_id(anomaly_id, event.kind, event.index)
        return AnomalyEvent(
            asset=self._asset,
            event=event.kind,
            level=level_of(event.severity, (event.detector,)),
            state="open",
            group=None,
            index=result.index,
            anomaly_id=anomaly_id,
            number=event.number,
            detector=event.detector,
            opened=rfc3339(event.opened_ns),
            closed=None if event.end_ns is None else rfc3339(event.end_ns),
            severity=event.severity,
            score=result.score,
            threshold=result.threshold,
            level_score=result.level_score,
            level_threshold=result.level_threshold,
            features=self._witness.evidence(event.features, result),
            model_sha256=self._bundle.sha256,
            **self._session.envelope(topic, own_id, result.start_ns, result.end_ns),
        )

    def _keep(self, snapshot: Snapshot) -> None:
        keep_snapshot(self._folder, snapshot)
