"""What the subscriber has heard so far, put together window by window."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from demo.story import Story
from demo.subscriber import Received
from edge_agent.daemon.messages import AnomalyEvent, Features, Message, Score
from edge_agent.daemon.status_message import Status

_US_PER_S = 1_000_000
_RMS = "_rms"


@dataclass(frozen=True, slots=True)
class Placed:
    """An event and the number of the window it speaks of."""

    window: int
    event: AnomalyEvent


@dataclass(slots=True)
class Journal:
    """Everything that was received.

    Attributes:
        story: what is watched.
        scores: by the number of their window.
        levels: rms of each channel, likewise; empty where the bundle does not compute it.
        events: in the order of their windows.
        latencies_s: from the moment when a window's last sample was due to the arrival of its
            score; only of what was sent at once, by a sensor that keeps time.
        began_ns: when the agent was started.
        ended_ns: when the last score so far arrived.
    """

    story: Story
    scores: dict[int, Score] = field(default_factory=dict)
    levels: dict[int, dict[str, float]] = field(default_factory=dict)
    events: list[Placed] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    began_ns: int = field(default_factory=time.time_ns)
    ended_ns: int = 0
    _told: set[str] = field(default_factory=set)
    _opened_us: int = 0

    def take(self, received: Received) -> Iterator[Status | Score | Placed]:
        """Note a message; yield what there is to show."""
        message: Message = received.message
        if isinstance(message, Status):
            yield message
        elif isinstance(message, AnomalyEvent):
            yield from self._event(message)
        elif isinstance(message, Features):
            values = message.values
            self.levels[self.story.first + message.index] = {
                name.removesuffix(_RMS): value
                for name, value in values.items()
                if name.endswith(_RMS) and value is not None
            }
        elif isinstance(message, Score):
            yield from self._score(message, received.at_ns)

    def _score(self, score: Score, at_ns: int) -> Iterator[Score]:
        window = self.story.first + score.index
        if window in self.scores:
            return  # the same once more, as QoS 1 allows
        self.scores[window] = score
        self.ended_ns = at_ns
        self._time(score, at_ns)
        yield score

    def _event(self, event: AnomalyEvent) -> Iterator[Placed]:
        if event.id in self._told:
            return  # likewise
        self._told.add(event.id)
        placed = Placed(self.story.first + event.index, event)
        self.events.append(placed)
        yield placed

    def _time(self, score: Score, at_ns: int) -> None:
        """Measure how long the window took from the sensor to here.

        A simulated sensor in time-lapse stamps its first sample with the moment of opening, and
        has every later one ``speedup`` times sooner than the stamps say.
        """
        if score.index == 0:
            self._opened_us = _microseconds(score.start)
        if not (self.story.speedup and self._opened_us) or score.historical:
            return
        simulated_us = _microseconds(score.end) - self._opened_us
        due_us = self._opened_us + simulated_us / self.story.speedup
        self.latencies_s.append((at_ns / 1000 - due_us) / _US_PER_S)


def _microseconds(moment: str) -> int:
    """Return UTC microseconds since the Unix epoch of an RFC 3339 time."""
    return round(datetime.fromisoformat(moment).timestamp() * _US_PER_S)
