"""What the agent told of a machine: anomalies from open to close, and the loss of its signal."""

from dataclasses import dataclass, replace

from edge_agent.daemon.alarms.level import level_of
from edge_agent.pipeline.alarm import Detector
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.result import WindowResult


@dataclass(frozen=True, slots=True)
class Episode:
    """One anomaly.

    Attributes:
        machine: number.
        detector: that opened it.
        opened_h: hour of the year.
        alarm_h: hour in which the alert became an alarm; None: it never did.
        closed_h: hour in which it closed; None: it was open at the end.
    """

    machine: int
    detector: Detector
    opened_h: int
    alarm_h: int | None = None
    closed_h: int | None = None

    def lasts(self, hour: int) -> bool:
        """Say whether it is open in that hour."""
        return self.opened_h <= hour and (self.closed_h is None or hour < self.closed_h)

    def meets(self, first: int, last: int) -> bool:
        """Say whether it is open at any time in [first, last)."""
        return self.opened_h < last and (self.closed_h is None or self.closed_h > first)


@dataclass(frozen=True, slots=True)
class Loss:
    """A time without a signal to judge.

    Attributes:
        machine: number.
        reason: as the agent said it.
        from_h: hour of the year.
        to_h: hour in which the signal was back; None: it never was.
    """

    machine: int
    reason: str
    from_h: int
    to_h: int | None = None


class Ear:
    """Hears what a flow has to say of one machine, hour by hour."""

    def __init__(self, machine: int) -> None:
        """Begin without having heard anything."""
        self._machine = machine
        self.episodes: list[Episode] = []
        self.losses: list[Loss] = []

    def hear(self, hour: int, result: WindowResult, flow: Flow) -> None:
        """Take note of what the window of ``hour`` has changed."""
        if result.event is not None and result.event.kind == "open":
            self.episodes.append(Episode(self._machine, result.event.detector, hour))
        anomaly = flow.judge.anomalies.open
        if anomaly is not None and self.episodes[-1].alarm_h is None:
            ringing = [name for name, rule in flow.judge.rules.items() if rule.is_open]
            if level_of(anomaly.severity, ringing) == "alarm":
                self.episodes[-1] = replace(self.episodes[-1], alarm_h=hour)
        if result.event is not None and result.event.kind == "close":
            self.episodes[-1] = replace(self.episodes[-1], closed_h=hour)
        is_lost = bool(self.losses) and self.losses[-1].to_h is None
        if result.reason == "sensor_fault" and not is_lost:
            self.losses.append(Loss(self._machine, result.detail or "", hour))
        elif result.reason != "sensor_fault" and is_lost:
            self.losses[-1] = replace(self.losses[-1], to_h=hour)
