"""Turns what the scoring loop finds of one asset into messages and puts them into the outbox."""

import time
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_agent.bundle import LoadedBundle
from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.alarm_state import AlarmStatement
from edge_agent.daemon.messages import (
    AnomalyEvent,
    Features,
    ModelState,
    Score,
    Share,
    message_id,
)
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.session import Session
from edge_agent.daemon.settings import Publish
from edge_agent.pipeline.alarm import Event, OpenAnomaly
from edge_agent.pipeline.result import WindowResult

_QUIET_REASONS = ("idle", "washout", "regime")


class Announcer:
    """Speaks for one asset's windows."""

    def __init__(
        self,
        record: AssetRecord,
        bundle: LoadedBundle,
        publish: Publish,
        session: Session,
        outbox: Outbox,
    ) -> None:
        """Speak for the asset of ``record``, judged by ``bundle``."""
        self._record = record
        self._manifest = bundle.manifest
        self._sha256 = bundle.sha256
        self.publish = publish
        self._session = session
        self._outbox = outbox
        self.alarm = AlarmStatement(record, session, outbox)

    def model(self, begun: Literal["restored", "empty"], open_anomaly: OpenAnomaly | None) -> None:
        """State which bundle judges from now on, and with which anomaly still open."""
        now_ns = time.time_ns()
        topic = self._session.topics.of(self._record.name, "model")
        message = ModelState(
            asset=self._record.name,
            name=self._manifest.name,
            version=self._manifest.version,
            sha256=self._sha256,
            begun=begun,
            **self._session.envelope(topic, None, now_ns, now_ns),
        )
        self._outbox.put("model", topic, message)
        self.alarm.changed(open_anomaly, ())
        self.alarm.state()

    def result(self, result: WindowResult) -> None:
        """Announce one window: what it changed, its score, its features."""
        if result.event is not None:
            self._event(result, result.event)
        reason = result.reason if result.reason in _QUIET_REASONS else None
        self.alarm.state(reason, result.start_ns, result.end_ns)
        if self.publish.score:
            self._score(result)
        if self.publish.features and result.vector is not None:
            self._features(result, result.vector)

    def _event(self, result: WindowResult, event: Event) -> None:
        responsible = tuple(Share(name, short(share)) for name, share in event.features)
        anomaly = None
        if event.kind != "close":
            anomaly = OpenAnomaly(
                number=event.number,
                detector=event.detector,
                start_ns=event.start_ns,
                opened_index=event.opened_index,
                severity=event.severity,
                reported=event.severity,
            )
        self.alarm.changed(anomaly, responsible)
        topic = self._session.topics.of(self._record.name, "anomaly")
        message = AnomalyEvent(
            asset=self._record.name,
            event=event.kind,
            index=event.index,
            anomaly_id=self.alarm.anomaly_id(event.start_ns),
            number=event.number,
            detector=event.detector,
            opened=rfc3339(event.start_ns),
            closed=None if event.end_ns is None else rfc3339(event.end_ns),
            severity=short(event.severity),
            score=None if result.score is None else short(result.score),
            threshold=short(result.threshold),
            level_score=None if result.level_score is None else short(result.level_score),
            level_threshold=(
                None if result.level_threshold is None else short(result.level_threshold)
            ),
            features=responsible,
            model_sha256=self._sha256,
            **self._session.envelope(
                topic, self._id(f"anomaly/{event.kind}", result), result.start_ns, result.end_ns
            ),
        )
        self._outbox.put("anomaly", topic, message)

    def _score(self, result: WindowResult) -> None:
        topic = self._session.topics.of(self._record.name, "score")
        message = Score(
            asset=self._record.name,
            index=result.index,
            score=result.score,
            threshold=result.threshold,
            level_score=result.level_score,
            level_threshold=result.level_threshold,
            anomaly=result.anomaly,
            reason=result.reason,
            unit=self._manifest.flow.input.unit,
            bias=self._bias(result),
            gap=result.gap,
            clipped=result.clipped,
            model_sha256=self._sha256,
            **self._session.envelope(
                topic, self._id("score", result), result.start_ns, result.end_ns
            ),
        )
        self._outbox.put("score", topic, message)

    def _features(self, result: WindowResult, vector: NDArray[np.float32]) -> None:
        names = self._manifest.flow.feature_names
        topic = self._session.topics.of(self._record.name, "features")
        message = Features(
            asset=self._record.name,
            index=result.index,
            unit=self._manifest.flow.input.unit,
            values={name: exact(value) for name, value in zip(names, vector, strict=True)},
            bias=self._bias(result),
            gap=result.gap,
            clipped=result.clipped,
            **self._session.envelope(
                topic, self._id("features", result), result.start_ns, result.end_ns
            ),
        )
        self._outbox.put("features", topic, message)

    def _bias(self, result: WindowResult) -> dict[str, float | None]:
        if result.bias is None:
            return {}
        channels = self._manifest.flow.input.channels
        return {
            name: short(value) for name, value in zip(channels, result.bias.tolist(), strict=True)
        }

    def _id(self, kind: str, result: WindowResult) -> str:
        return message_id(
            self._session.topics.gateway,
            self._record.name,
            kind,
            self._sha256,
            result.start_ns,
            result.end_ns,
        )


def exact(value: np.float32) -> float:
    """Return the number with the fewest digits that becomes this float32 again.

    Training on what was published has to see what the gateway computed, to the bit.
    """
    return float(str(value))


def short(value: float) -> float:
    """Return a float32's value with the seven digits it has, not the seventeen of a double."""
    return float(f"{value:.7g}")
