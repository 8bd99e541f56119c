"""A broker in memory, where thousands of gateways or hundreds of runs matter, and no network."""

import threading
from typing import cast

from paho.mqtt.client import topic_matches_sub

from edge_agent.rollout.mqtt import BrokerClient, Handler


class MemoryBroker:
    """Retains and delivers at once, on the thread that publishes."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.retained: dict[str, bytes] = {}
        self.clients: list[MemoryClient] = []
        self.lock = threading.RLock()
        self.messages = self.bytes = 0  # published

    def client(self) -> BrokerClient:
        """A connection, with what of a client the rollout uses."""
        self.clients.append(MemoryClient(self))
        return cast("BrokerClient", self.clients[-1])

    def publish(self, topic: str, payload: bytes, *, retain: bool = True) -> None:
        """Keep a message where it is retained, and deliver it."""
        with self.lock:
            self.messages += 1
            self.bytes += len(payload)
            if retain and payload:
                self.retained[topic] = payload
            elif retain:
                self.retained.pop(topic, None)
            heard = [
                handler
                for client in self.clients
                for pattern, handler in client.handlers.items()
                if topic_matches_sub(pattern, topic)
            ]
        for handler in heard:
            handler(topic, payload)


class MemoryClient:
    """See BrokerClient."""

    def __init__(self, broker: MemoryBroker) -> None:
        """Connect to ``broker``."""
        self.handlers: dict[str, Handler] = {}
        self.lost: str | None = None
        self.packet_bytes_max: int | None = None
        self.mine = False  # what reaches the broker over it is watched by a test
        self._broker = broker

    def publish(self, topic: str, payload: bytes, *, retain: bool = True) -> None:
        """Publish, delivered on return."""
        self._broker.publish(topic, payload, retain=retain)

    def flush(self) -> None:
        """Nothing is on its way."""

    def payload_bytes_max(self, _topic: str) -> None:
        """Whatever length."""

    def subscribe(self, pattern: str, handler: Handler) -> None:
        """Hear what is there and what comes."""
        self.handlers[pattern] = handler
        for topic, payload in list(self._broker.retained.items()):
            if topic_matches_sub(pattern, topic):
                handler(topic, payload)

    def collect(self, pattern: str, _fence: str) -> dict[str, bytes]:
        """Return what is retained."""
        with self._broker.lock:
            return {
                topic: payload
                for topic, payload in self._broker.retained.items()
                if topic_matches_sub(pattern, topic)
            }
