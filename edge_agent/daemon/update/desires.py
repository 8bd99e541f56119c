"""What is heard on the gateway's own topic of desires; nothing of it is believed here."""

import hashlib
import logging
from collections.abc import Callable

import msgspec

from edge_agent.daemon.mqtt.ear import Heard
from edge_agent.rollout.messages import DESIRE_BYTES_MAX, Desire, Sealed

_log = logging.getLogger(__name__)


class Desires:
    """Takes the newest envelope; on the MQTT thread.

    Attributes:
        topic: see Ear.
        wants_retained: see Ear.
        problem: why none can come, or the last one was not taken.
    """

    def __init__(self, topic: str, wake: Callable[[], None]) -> None:
        """Listen on ``topic``; ``wake`` is called when something new has come."""
        self.topic = topic
        self.wants_retained = True
        self.problem: str | None = None
        self._wake = wake
        self._newest: Heard | None = None

    def take(self, heard: Heard) -> None:
        """Take an envelope. An empty one says nothing: a broker forgets what it kept."""
        if not heard.payload:
            return
        if len(heard.payload) > DESIRE_BYTES_MAX:
            self._note(f"{self.topic}: {len(heard.payload)} bytes, allowed: {DESIRE_BYTES_MAX}")
            return
        self._newest = heard
        self._wake()

    def subscribed(self, problem: str | None) -> None:
        """Take note of the broker's answer to the subscription."""
        self._note(None if problem is None else f"{self.topic}: the broker refused: {problem}")

    def news(self) -> Heard | None:
        """Return what brought the newest envelope, once; from any thread."""
        newest, self._newest = self._newest, None
        return newest

    def _note(self, problem: str | None) -> None:
        if problem is not None and problem != self.problem:
            _log.warning("update: %s", problem)
        self.problem = problem


def pause_s(desire: Desire) -> float:
    """Return how long to wait with a desire that the broker had kept, by its ``spread_s``.

    The moment is drawn by gateway and rollout, but not as the waves are, which would be together.
    """
    drawn = hashlib.sha256(f"{desire.gateway} {desire.rollout}".encode()).digest()
    return desire.terms.spread_s * int.from_bytes(drawn[:8]) / (1 << 64)


def peek(envelope: bytes) -> Desire | None:
    """Return what an envelope says, whoever sealed it: to know a desire again, not to follow it."""
    try:
        sealed = msgspec.json.decode(envelope, type=Sealed)
        return msgspec.json.decode(sealed.payload, type=Desire)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
