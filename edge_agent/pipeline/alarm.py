"""Scores over a threshold become alarms, and alarms become events that open, update and close."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec.structs import replace

Detector = Literal["network", "level", "limit"]

_WORSE = 2.0  # an update is worth a message when severity has doubled since the last one


class AlarmSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an alarm opens and closes.

    Attributes:
        k: opens when k of the last n scored windows are over the threshold.
        n: see k.
        close_ratio: a window is calm below this share of the threshold (hysteresis).
        close_after: closes after that many calm windows in a row.
        suppress: scored windows after a close in which none opens.
    """

    k: int = 1
    n: int = 1
    close_ratio: float = 1.0
    close_after: int = 1
    suppress: int = 0

    def __post_init__(self) -> None:
        """Refuse rules that cannot open or close. Raises ValueError."""
        if not 1 <= self.k <= self.n:
            raise ValueError(f"alarm.k is {self.k}, allowed: 1 to alarm.n ({self.n})")
        if not 0.0 < self.close_ratio <= 1.0:
            raise ValueError(
                f"alarm.close_ratio is {self.close_ratio}, allowed: above 0, at most 1"
            )
        if self.close_after < 1 or self.suppress < 0:
            raise ValueError("alarm.close_after is below 1 or alarm.suppress below 0")


class RuleState(msgspec.Struct, frozen=True):
    """Where an alarm rule stands."""

    recent: tuple[bool, ...]
    calm: int
    suppressed: int
    is_open: bool


class AlarmRule:
    """k of n to open, hysteresis to close, of one detector."""

    def __init__(self, spec: AlarmSpec) -> None:
        """Begin closed."""
        self._spec = spec
        self.recent: deque[bool] = deque(maxlen=spec.n)
        self.calm = 0
        self.suppressed = 0
        self.is_open = False

    def push(self, ratio: float) -> bool:
        """Take score / threshold of a window and return whether the alarm is open after it."""
        if self.is_open:
            self.calm = self.calm + 1 if ratio < self._spec.close_ratio else 0
            if self.calm >= self._spec.close_after:
                self.is_open = False
                self.recent.clear()
                self.suppressed = self._spec.suppress
        elif self.suppressed > 0:
            self.suppressed -= 1
        else:
            self.recent.append(ratio > 1.0)
            if sum(self.recent) >= self._spec.k:
                self.is_open, self.calm = True, 0
        return self.is_open

    def state(self) -> RuleState:
        """Where the rule stands."""
        return RuleState(tuple(self.recent), self.calm, self.suppressed, self.is_open)

    def restore(self, state: RuleState) -> None:
        """Continue from a ``state``."""
        self.recent.clear()
        self.recent.extend(state.recent)
        self.calm, self.suppressed, self.is_open = state.calm, state.suppressed, state.is_open


@dataclass(frozen=True, slots=True)
class Event:
    """An anomaly that opens, gets worse or closes; at most one for a window.

    Attributes:
        kind: what happened.
        number: counts the asset's anomalies from 1, the same from open to close.
        detector: which detector opened it.
        start_ns: start of the window in which it opened, as it was stated then: with ``number`` it
            tells the anomaly from all others.
        opened_ns: the same moment by the clock as it is set now, never behind this window's start.
        end_ns: end of the window in which it closed, None while open.
        opened_index: index of the window in which it opened.
        index: index of the window of this event.
        severity: largest score / threshold of any detector since it opened.
        features: most responsible features with their share of the score, largest first.
    """

    kind: Literal["open", "update", "close"]
    number: int
    detector: Detector
    start_ns: int
    opened_ns: int
    end_ns: int | None
    opened_index: int
    index: int
    severity: float
    features: tuple[tuple[str, float], ...]


class OpenAnomaly(msgspec.Struct, kw_only=True):
    """What is remembered of the anomaly that is open; times as in Event."""

    number: int
    detector: Detector
    start_ns: int
    opened_ns: int
    opened_index: int
    severity: float
    reported: float


class AnomaliesState(msgspec.Struct, frozen=True):
    """How many anomalies there have been, and the one that is open."""

    count: int
    open: OpenAnomaly | None


class Anomalies:
    """Joins the detectors' alarms: open while any is, opened by the first."""

    def __init__(self) -> None:
        """Begin without any."""
        self.count = 0
        self.open: OpenAnomaly | None = None

    def push(
        self,
        ratios: Mapping[Detector, float],
        alarms: Mapping[Detector, bool],
        window: tuple[int, int, int],
        features: tuple[tuple[str, float], ...],
    ) -> Event | None:
        """Return what the newest window changed.

        Args:
            ratios: score / threshold of each detector that scored the window.
            alarms: whether each detector's alarm is open after it.
            window: its index, start_ns and end_ns.
            features: the features most responsible for its score.
        """
        index, start_ns, end_ns = window
        ringing = [name for name, is_open in alarms.items() if is_open]
        severity = max(ratios.values(), default=0.0)
        if self.open is None:
            if not ringing:
                return None
            self.count += 1
            self.open = OpenAnomaly(
                number=self.count,
                detector=ringing[0],
                start_ns=start_ns,
                opened_ns=start_ns,
                opened_index=index,
                severity=severity,
                reported=severity,
            )
            return self._event("open", index, None, features)
        self.open.severity = max(self.open.severity, severity)
        self.open.opened_ns = min(self.open.opened_ns, start_ns)
        if not ringing:
            event = self._event("close", index, end_ns, features)
            self.open = None
            return event
        if self.open.severity >= _WORSE * self.open.reported:
            self.open.reported = self.open.severity
            return self._event("update", index, None, features)
        return None

    def clock_set(self, by_ns: int) -> None:
        """Say from now on by the new time when the open anomaly began: it lasts as long as before.

        Args:
            by_ns: how far the clock that windows are stated in was set forward.
        """
        if self.open is not None:
            self.open.opened_ns += by_ns

    def state(self) -> AnomaliesState:
        """What has been seen so far."""
        return AnomaliesState(self.count, None if self.open is None else replace(self.open))

    def restore(self, state: AnomaliesState) -> None:
        """Continue from a ``state``."""
        self.count = state.count
        self.open = None if state.open is None else replace(state.open)

    def _event(
        self,
        kind: Literal["open", "update", "close"],
        index: int,
        end_ns: int | None,
        features: tuple[tuple[str, float], ...],
    ) -> Event:
        anomaly = self.open
        assert anomaly is not None  # noqa: S101 - only called while one is open
        return Event(
            kind,
            anomaly.number,
            anomaly.detector,
            anomaly.start_ns,
            anomaly.opened_ns,
            end_ns,
            anomaly.opened_index,
            index,
            anomaly.severity,
            features,
        )
