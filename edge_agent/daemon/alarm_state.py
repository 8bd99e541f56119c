"""An asset's retained alarm message: stated at the start and whenever it is other than before."""

import time
from dataclasses import dataclass

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.alarms.cycle import Seen, Told
from edge_agent.daemon.alarms.desk import Desk
from edge_agent.daemon.alarms.kept import Noted
from edge_agent.daemon.alarms.level import level_of
from edge_agent.daemon.alarms.messages import Handling
from edge_agent.daemon.envelope import message_id
from edge_agent.daemon.messages import AlarmState, Share
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.topics import Kind
from edge_agent.pipeline.alarm import Event, OpenAnomaly
from edge_agent.pipeline.flow import Flow


@dataclass(frozen=True, slots=True)
class Telling:
    """What is to be told of an anomaly; see AnomalyEvent."""

    event: Told
    anomaly: Noted
    state: Handling
    group: str | None
    features: tuple[tuple[str, float], ...]


class AlarmStatement:
    """States whether one asset is in alarm, and on what that rests."""

    def __init__(self, record: AssetRecord, desk: Desk) -> None:
        """Speak for the asset of ``record``, whose alarms ``desk`` knows."""
        self.record = record
        self._session = desk.session
        self._outbox = desk.outbox
        self._desk = desk
        self._cycle = desk.cycle(record.name)
        self._shown: Noted | None = None
        self._responsible: tuple[tuple[str, float], ...] = ()
        self._stated: tuple[object, ...] | None = None
        desk.speaks(self)

    @property
    def in_maintenance(self) -> bool:
        """Somebody works on the machine."""
        return self._cycle.kept.maintenance is not None

    def begin(self, flow: Flow) -> None:
        """Take over the anomaly that is open where ``flow`` begins."""
        anomaly = flow.judge.anomalies.open
        noted = None if anomaly is None else self._noted(anomaly, anomaly.severity, flow)
        self._cycle.begin(noted, self._desk.now())
        self._shown, self._responsible = self._cycle.kept.anomaly, ()

    def window(self, event: Event | None, flow: Flow) -> Telling | None:
        """Take note of a window of ``flow`` that was the ``event``; return what is to be told."""
        anomaly = flow.judge.anomalies.open
        found: Event | OpenAnomaly | None = event or anomaly
        if found is None:
            return None
        if event is not None:
            self._responsible = event.features
        state = self._cycle.state
        noted = self._noted(found, found.severity, flow)
        told = self._cycle.window(
            Seen(None if event is None else event.kind, noted), self._desk.now()
        )
        after = self._cycle.kept.anomaly
        if event is not None or told is not None:
            self._shown = after
        if told is None:
            return None
        is_over = after is None
        return Telling(
            event=told,
            anomaly=self._cycle.kept.past[-1] if after is None else after,
            state=state if is_over else self._cycle.state,
            group=self._desk.group_of(self.record.name),
            features=self._responsible,
        )

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
        record, known = self.record, self._cycle.kept.anomaly
        if _identity(known) != _identity(self._shown):
            self._shown = known
        anomaly = self._shown  # as of its last event: else every window would be news
        reason = record.reason or reason
        severity = None if anomaly is None else anomaly.severity
        standing = self._desk.standing(record.name)
        record.standing = standing
        statement = (record.state, reason, severity, anomaly and anomaly.id, standing)
        if statement == self._stated:
            return None
        self._stated = statement
        now_ns = time.time_ns()
        topic = self._session.topics.of(record.name, "alarm")
        message = AlarmState(
            asset=record.name,
            alarm=anomaly is not None and standing.maintenance is None,
            state=standing.state,
            level=standing.level,
            data=record.state,
            reason=reason,
            acknowledged=standing.acknowledged,
            shelved=standing.shelved,
            maintenance=standing.maintenance,
            silenced=standing.silenced,
            group=standing.group,
            anomaly_id=None if anomaly is None else anomaly.id,
            detector=None if anomaly is None else anomaly.detector,
            opened=None if anomaly is None else rfc3339(anomaly.opened_ns),
            severity=severity,
            features=() if anomaly is None else self._shares(),
            **self._session.envelope(topic, None, start_ns or now_ns, end_ns or now_ns),
        )
        return "alarm", topic, message

    def _shares(self) -> tuple[Share, ...]:
        return tuple(Share(name, float(f"{share:.7g}")) for name, share in self._responsible)

    def _noted(self, anomaly: OpenAnomaly | Event, severity: float, flow: Flow) -> Noted:
        ringing = [name for name, rule in flow.judge.rules.items() if rule.is_open]
        return Noted(
            id=self._anomaly_id(anomaly),
            number=anomaly.number,
            detector=anomaly.detector,
            opened_ns=anomaly.opened_ns,
            severity=severity,
            level=level_of(severity, ringing),
            model_sha256=self.record.model_sha256,
        )

    def _anomaly_id(self, anomaly: OpenAnomaly | Event) -> str:
        """The same from open to close, whatever was restarted or swapped between the two."""
        return message_id(
            self._session.topics.gateway,
            self.record.name,
            "anomaly",
            anomaly.number,
            anomaly.start_ns,
        )


def _identity(noted: Noted | None) -> tuple[str, str] | None:
    return None if noted is None else (noted.id, noted.level)
