"""Turns what the scoring loop finds of one asset into messages and counts for the outbox."""

import time

import numpy as np
from numpy.typing import NDArray

from edge_agent.bundle import LoadedBundle
from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.alarm_state import AlarmStatement, Telling
from edge_agent.daemon.alarms.desk import Desk
from edge_agent.daemon.config.settings import Publish
from edge_agent.daemon.envelope import message_id
from edge_agent.daemon.ledger import WindowCounts
from edge_agent.daemon.messages import (
    AnomalyEvent,
    Begun,
    Features,
    ModelState,
    Score,
)
from edge_agent.daemon.outbox import Entry, Mark
from edge_agent.daemon.recorder.rows import layout_of, make_row
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.witness import Witness
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.window import Window

_QUIET_REASONS = ("idle", "washout", "regime", "commissioning")


class Announcer:
    """Speaks for one asset's windows."""

    def __init__(
        self,
        record: AssetRecord,
        bundle: LoadedBundle,
        publish: Publish,
        desk: Desk,
        witness: Witness,
    ) -> None:
        """Speak for the asset of ``record``, judged by ``bundle``.

        Args:
            record: what is known of the asset.
            bundle: what judges it.
            publish: which per-window messages are sent.
            desk: knows its alarms.
            witness: knows what it is like while it is healthy.
        """
        self._record = record
        self._judged_by(bundle)
        self.publish = publish
        self._session = desk.session
        self._outbox = desk.outbox
        self.witness = witness
        self.alarm = AlarmStatement(record, desk)

    def begin(self, begun: Begun, flow: Flow) -> None:
        """State which bundle judges, and with which anomaly of ``flow`` still open."""
        self.alarm.begin(flow)
        self._state_model(begun)

    def change(self, bundle: LoadedBundle, begun: Begun, witness: Witness) -> None:
        """State that another bundle judges from the next window on; what is open stays open."""
        self._judged_by(bundle)
        self.witness = witness
        self._state_model(begun)

    def settle(self, bundle: LoadedBundle, witness: Witness) -> None:
        """Speak of ``bundle``, which is the one before but for its input."""
        self._judged_by(bundle)
        self.witness = witness

    def _judged_by(self, bundle: LoadedBundle) -> None:
        self._manifest = bundle.manifest
        self._sha256, self._overlay = bundle.sha256, bundle.overlay
        self._model_id = bundle.model_id
        self._layout = layout_of(self._record.name, self._record.sensor, bundle.manifest)

    def _state_model(self, begun: Begun) -> None:
        now_ns = time.time_ns()
        topic = self._session.topics.of(self._record.name, "model")
        message = ModelState(
            asset=self._record.name,
            name=self._manifest.name,
            version=self._manifest.version,
            sha256=self._sha256,
            overlay=self._overlay,
            begun=begun,
            **self._session.envelope(topic, None, now_ns, now_ns),
        )
        self._outbox.state("model", topic, message)
        self.alarm.state()

    def result(self, result: WindowResult, flow: Flow, window: Window) -> None:
        """Announce one ``window`` of ``flow``: what it changed, its score, its features."""
        entry = Entry(self._record.name, self._counts(result))
        entry.mark = Mark(
            model_id=self._model_id,
            clock=self._clock,
            last_start_ns=result.steady_ns,
            flow=flow.mark(),
        )
        entry.row = make_row(
            self._layout, result, self._clock, maintenance=self.alarm.in_maintenance
        )
        told = self.alarm.window(result.event, flow)
        event = None if told is None else self._event(entry, result, told)
        reason = result.reason if result.reason in _QUIET_REASONS else None
        alarm = self.alarm.news(reason, result.start_ns, result.end_ns)
        if alarm is not None:
            entry.messages.append(alarm)
        if self.publish.score:
            self._score(entry, result)
        if self.publish.features and result.vector is not None:
            self._features(entry, result, result.vector)
        self._outbox.put(entry)
        if event is not None or not self.alarm.in_maintenance:
            self.witness.see(window, result, event)

    def _event(self, entry: Entry, result: WindowResult, told: Telling) -> AnomalyEvent:
        anomaly = told.anomaly
        topic = self._session.topics.of(self._record.name, "anomaly")
        message = AnomalyEvent(
            asset=self._record.name,
            event=told.event,
            level=anomaly.level,
            state=told.state,
            group=told.group,
            index=result.index,
            anomaly_id=anomaly.id,
            number=anomaly.number,
            detector=anomaly.detector,
            opened=rfc3339(anomaly.opened_ns),
            closed=rfc3339(result.end_ns) if told.event == "close" else None,
            severity=short(anomaly.severity),
            score=None if result.score is None else short(result.score),
            threshold=short(result.threshold),
            level_score=None if result.level_score is None else short(result.level_score),
            level_threshold=(
                None if result.level_threshold is None else short(result.level_threshold)
            ),
            features=self.witness.evidence(told.features, result),
            model_sha256=self._sha256,
            velocity_mm_s=self._velocity(result),
            velocity_limit_mm_s=result.velocity_limit_mm_s,
            **self._session.envelope(
                topic, self._id(f"anomaly/{told.event}", result), result.start_ns, result.end_ns
            ),
        )
        entry.messages.append(("anomaly", topic, message))
        return message

    def _score(self, entry: Entry, result: WindowResult) -> None:
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
            velocity_mm_s=self._velocity(result),
            velocity_limit_mm_s=result.velocity_limit_mm_s,
            maintenance=self.alarm.in_maintenance,
            **self._session.envelope(
                topic, self._id("score", result), result.start_ns, result.end_ns
            ),
        )
        entry.messages.append(("score", topic, message))

    def _features(self, entry: Entry, result: WindowResult, vector: NDArray[np.float32]) -> None:
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
        entry.messages.append(("features", topic, message))

    def _bias(self, result: WindowResult) -> dict[str, float | None]:
        if result.bias is None:
            return {}
        channels = self._manifest.flow.input.channels
        return {
            name: short(value) for name, value in zip(channels, result.bias.tolist(), strict=True)
        }

    def _velocity(self, result: WindowResult) -> dict[str, float]:
        if result.velocity_mm_s is None:
            return {}
        channels = self._manifest.flow.input.feature_input().channels
        values = map(short, result.velocity_mm_s.tolist())
        return dict(zip(channels, values, strict=True))

    @property
    def _clock(self) -> str:
        info = self._record.info
        return self._session.clock.name("source" if info is None else info.clock)

    def _id(self, kind: str, result: WindowResult) -> str:
        """By the clock that nobody sets: wall time may come twice."""
        return message_id(
            self._session.topics.gateway,
            self._record.name,
            kind,
            self._sha256,
            result.index,
            self._clock,
            result.steady_ns,
            result.end_ns - result.start_ns,
        )

    def _counts(self, result: WindowResult) -> WindowCounts:
        if result.reason is None:
            return WindowCounts(sampled=1, scored=1, models={self._model_id: 1})
        return WindowCounts(sampled=1, not_scored={result.reason: 1})


def exact(value: np.float32) -> float:
    """Return the number with the fewest digits that becomes this float32 again.

    Training on what was published has to see what the gateway computed, to the bit.
    """
    return float(str(value))


def short(value: float) -> float:
    """Return a float32's value with the seven digits it has, not the seventeen of a double."""
    return float(f"{value:.7g}")
