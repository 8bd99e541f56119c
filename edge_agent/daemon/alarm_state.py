"""An asset's retained alarm message: stated at the start and whenever it is other than before."""

import time

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.messages import AlarmState, Share, message_id
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.session import Session
from edge_agent.daemon.topics import Kind
from edge_agent.pipeline.alarm import Event, OpenAnomaly


class AlarmStatement:
    """States whether one asset is in alarm, and on what that rests."""

    def __init__(self, record: AssetRecord, session: Session, outbox: Outbox) -> None:
        """Speak for the asset of ``record``."""
        self._record = record
        self._session = session
        self._outbox = outbox
        self._open: OpenAnomaly | None = None
        self._responsible: tuple[Share, ...] = ()
        self._stated: tuple[object, ...] | None = None

    def changed(self, anomaly: OpenAnomaly | None, responsible: tuple[Share, ...]) -> None:
        """Take note of the anomaly that is open now, and of the features responsible for it."""
        self._open, self._responsible = anomaly, responsible

    def state(
        self, reason: str | None = None, start_ns: int | None = None, end_ns: int | None = None
    ) -> None:
        """Put the message where it says something new; arguments as of ``news``."""
        news = self.news(reason, start_ns, end_ns)
        if news is not None:
            self._outbox.state(*news)

    def news(
        self, reason: str | None = None, start_ns: int | None = None, end_ns: int | None = None
    ) -> tuple[Kind, str, AlarmState] | None:
        """Return kind, topic and message where that says something new.

        Args:
            reason: why the last window was not scored; the asset's own reason goes before it.
            start_ns: of the last window, where one is the occasion.
            end_ns: likewise.
        """
        record, anomaly = self._record, self._open
        reason = record.reason or reason
        severity = None if anomaly is None else anomaly.severity
        statement = (record.state, reason, severity, None if anomaly is None else anomaly.number)
        if statement == self._stated:
            return None
        self._stated = statement
        now_ns = time.time_ns()
        topic = self._session.topics.of(record.name, "alarm")
        message = AlarmState(
            asset=record.name,
            alarm=anomaly is not None,
            data=record.state,
            reason=reason,
            anomaly_id=None if anomaly is None else self.anomaly_id(anomaly),
            detector=None if anomaly is None else anomaly.detector,
            opened=None if anomaly is None else rfc3339(anomaly.opened_ns),
            severity=severity,
            features=() if anomaly is None else self._responsible,
            **self._session.envelope(topic, None, start_ns or now_ns, end_ns or now_ns),
        )
        return "alarm", topic, message

    def anomaly_id(self, anomaly: OpenAnomaly | Event) -> str:
        """The same from open to close, whatever was restarted or swapped between the two."""
        record = self._record
        return message_id(
            self._session.topics.gateway,
            record.name,
            "anomaly",
            anomaly.number,
            anomaly.start_ns,
        )
