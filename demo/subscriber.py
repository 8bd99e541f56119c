"""A subscriber of everything that the gateway publishes."""

import queue
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
from paho.mqtt.client import Client, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from demo.broker import HOST
from demo.failure import DemoError
from edge_agent.daemon.messages import Message

_ANSWER_S = 60.0
_decoder = msgspec.json.Decoder(Message)


@dataclass(frozen=True, slots=True)
class Received:
    """A message, and when it came: UTC nanoseconds."""

    message: Message
    at_ns: int


class Subscriber:
    """Receives on a thread of its own."""

    def __init__(self, topics: str) -> None:
        """Prepare to subscribe to the filter ``topics``."""
        self._topics = topics
        # The broker delivers in the order of arrival: what comes back last has all else before it.
        self._last = f"demo/{uuid.uuid4()}"
        self._queue: queue.SimpleQueue[tuple[MQTTMessage, int]] = queue.SimpleQueue()
        self._subscribed = threading.Event()
        # Every broker speaks 3.1.1; which version the agent speaks is a matter of its own.
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def open(self, port: int) -> None:
        """Connect and subscribe. Raises DemoError."""
        try:
            self._client.connect(HOST, port)
        except OSError as error:
            raise DemoError(f"the broker at port {port} cannot be reached: {error}") from error
        self._client.loop_start()
        if not self._subscribed.wait(_ANSWER_S):
            raise DemoError(f"the broker at port {port} does not confirm a subscription")

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def get(self, timeout_s: float) -> Received | None:
        """Return the next message, None where none comes in time.

        Raises:
            DemoError: it is none of the interface.
        """
        try:
            message, at_ns = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None
        return _decoded(message, at_ns)

    def rest(self) -> Iterator[Received]:
        """Yield what the broker still has, once nobody publishes any more.

        Raises:
            DemoError: the broker does not deliver, or a message is none of the interface.
        """
        self._client.publish(self._last, qos=1)
        while True:
            try:
                message, at_ns = self._queue.get(timeout=_ANSWER_S)
            except queue.Empty:
                raise DemoError("the broker does not deliver any more") from None
            if message.topic == self._last:
                return
            yield _decoded(message, at_ns)

    def _on_connect(self, client: Client, *_: object) -> None:
        client.subscribe([(self._topics, 1), (self._last, 1)])

    def _on_subscribe(self, *_: object) -> None:
        self._subscribed.set()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self._queue.put((message, time.time_ns()))


@contextmanager
def subscribed(port: int, topics: str) -> Iterator[Subscriber]:
    """Subscribe to the filter ``topics`` at the broker at ``port``. Raises DemoError."""
    subscriber = Subscriber(topics)
    try:
        subscriber.open(port)
        yield subscriber
    finally:
        subscriber.close()


def _decoded(message: MQTTMessage, at_ns: int) -> Received:
    try:
        return Received(_decoder.decode(message.payload), at_ns)
    except msgspec.MsgspecError as error:
        raise DemoError(f"{message.topic}: {error}") from error
