"""A broker in memory, for tests in which thousands of messages or hundreds of runs matter."""

import threading
from typing import cast

from paho.mqtt.client import topic_matches_sub

from edge_agent.rollout.mqtt import BrokerClient, Handler


class MemoryBroker:
    """Retains and delivers at once, on the thread that publishes."""

    def __init__(self) -> None:
        self.retained: dict[str, bytes] = {}
        self.clients: list[MemoryClient] = []
        self.lock = threading.RLock()

    def client(self) -> BrokerClient:
        """A connection, with what of a client the rollout uses."""
        self.clients.append(MemoryClient(self))
        return cast("BrokerClient", self.clients[-1])

    def publish(self, topic: str, payload: bytes, *, retain: bool = True) -> None:
        with self.lock:
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
        self.handlers: dict[str, Handler] = {}
        self.lost: str | None = None
        self.packet_bytes_max: int | None = None
        self.mine = False  # the one that a test kills
        self._broker = broker

    def publish(self, topic: str, payload: bytes, *, retain: bool = True) -> None:
        self._broker.publish(topic, payload, retain=retain)

    def flush(self) -> None:
        """Nothing is on its way."""

    def payload_bytes_max(self, _topic: str) -> None:
        """Whatever length."""

    def subscribe(self, pattern: str, handler: Handler) -> None:
        self.handlers[pattern] = handler
        for topic, payload in list(self._broker.retained.items()):
            if topic_matches_sub(pattern, topic):
                handler(topic, payload)

    def collect(self, pattern: str, _fence: str) -> dict[str, bytes]:
        with self._broker.lock:
            return {
                topic: payload
                for topic, payload in self._broker.retained.items()
                if topic_matches_sub(pattern, topic)
            }
