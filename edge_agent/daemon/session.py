"""One run of the agent: who speaks, and the number of each message."""

import os
import threading
import time
from typing import TypedDict

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.clock import TimeQuality, WallClock, boot_ns, time_quality
from edge_agent.daemon.envelope import message_id
from edge_agent.daemon.topics import Topics

_QUALITY_INTERVAL_S = 10.0


class EnvelopeFields(TypedDict):
    """Keyword arguments of every message."""

    id: str
    seq: int
    session: str
    gateway: str
    start: str
    end: str
    time_quality: TimeQuality


class Session:
    """Counts messages per topic, from any thread.

    Attributes:
        topics: of the gateway.
        id: of this run.
        clock: what tells wall time.
    """

    def __init__(self, topics: Topics) -> None:
        """Begin now, under a name of its own."""
        self.topics = topics
        self.id = os.urandom(8).hex()
        self.clock = WallClock()
        self._began_boot_ns = boot_ns()
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._quality: TimeQuality = time_quality()
        self._quality_due_s = time.monotonic() + _QUALITY_INTERVAL_S

    @property
    def began_ns(self) -> int:
        """When the session began, in UTC by the clock as it is set now."""
        return self._began_boot_ns + self.clock.utc_offset_ns()

    def envelope(
        self, topic: str, own_id: str | None, start_ns: int, end_ns: int
    ) -> EnvelopeFields:
        """Return what every message carries.

        Args:
            topic: the message's own count goes by it.
            own_id: None for a statement that is never made twice: session, topic and number then
                make the id.
            start_ns: of the window, or of what is stated.
            end_ns: of the window, or when it is stated.
        """
        with self._lock:
            seq = self._counts.get(topic, 0)
            self._counts[topic] = seq + 1
        return {
            "id": own_id or message_id(self.id, topic, seq),
            "seq": seq,
            "session": self.id,
            "gateway": self.topics.gateway,
            "start": rfc3339(start_ns),
            "end": rfc3339(end_ns),
            "time_quality": self.time_quality,
        }

    @property
    def time_quality(self) -> TimeQuality:
        """Whether the clock is to be trusted, looked at every ten seconds."""
        now_s = time.monotonic()
        if now_s >= self._quality_due_s:
            self._quality, self._quality_due_s = time_quality(), now_s + _QUALITY_INTERVAL_S
        return self._quality
