"""What listens on one topic, and what it hears."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Heard:
    """A message.

    Attributes:
        payload: its bytes.
        retained: the broker had kept it.
        response_topic: where the sender listens, MQTT 5.
        correlation: what the sender wants back with the answer, MQTT 5.
    """

    payload: bytes
    retained: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None


class Ear(Protocol):
    """Takes what comes on its topic; on the MQTT thread."""

    @property
    def topic(self) -> str:
        """What to subscribe to, without wildcards."""
        ...

    @property
    def wants_retained(self) -> bool:
        """What the broker has kept is news, too."""
        ...

    def take(self, heard: Heard) -> None:
        """Take a message; nothing in it may raise."""
        ...

    def subscribed(self, problem: str | None) -> None:
        """Take note of the broker's answer: None, or why nothing can come."""
        ...
