"""A plain client for processes that come and go: publish and have it acknowledged, listen, fetch.

The agent's own connection (daemon/mqtt) carries an outbox for years; this one lives for as long as
an operator's command or a verification takes.
"""

import os
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from paho.mqtt.client import Client, MQTTv5, MQTTv311, topic_matches_sub
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.rollout.bounded_client import BoundedClient
from edge_agent.rollout.broker import Broker

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessage, MQTTMessageInfo

_CONNECT_TIMEOUT_S = 10.0
# Some brokers of 3.1.1 only say nothing to version 5: asked in their own they answer soon. One that
# says nothing to either is slow, and is asked in both again.
_ATTEMPTS = ((MQTTv5, 3.0), (MQTTv311, 3.0), (MQTTv5, 10.0), (MQTTv311, 10.0))  # seconds to answer
IN_FLIGHT = 64  # messages that wait for the broker's acknowledgement at once
PACKET_BYTES_MAX = 5 << 20  # taken in: the TUF client reads targets.json up to 5,000,000 bytes
FRAME_BYTES_MAX = 64  # of a packet beside topic and payload: its header and our properties
_HUNG_UP = -1  # without an answer, or stayed silent
# The protocol's version: said by 3.1.1, by 5, and by those that know neither.
_UNSUPPORTED = {1, 132, _HUNG_UP}

Handler = Callable[[str, bytes], None]


class BrokerError(Exception):
    """The broker cannot be reached, does not answer or refuses; the message says which."""


@contextmanager
def connected(broker: Broker, client_id: str) -> Iterator["BrokerClient"]:
    """Connect, in MQTT 5 or else in 3.1.1; disconnect in the end.

    Args:
        broker: where, and as whom.
        client_id: what the broker's log shows; something random is put behind it, as a broker ends
            the connection of another client with the same id.

    Raises:
        BrokerError: no connection came about.
    """
    client = BrokerClient(broker, f"{client_id}-{os.urandom(4).hex()}")
    client.open()
    try:
        yield client
    finally:
        client.close()


class BrokerClient:
    """One connection; its handlers are called on a thread of its own."""

    def __init__(self, broker: Broker, client_id: str) -> None:
        """Prepare; ``open`` connects."""
        self._broker = broker
        self._client_id = client_id
        self._client: BoundedClient | None = None
        self._handlers: dict[str, Handler] = {}
        self._answers: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._subscribed: dict[int, threading.Event] = {}
        self._refused: dict[int, str] = {}
        self._in_flight: list[MQTTMessageInfo] = []
        self._lost: str | None = None
        self._rejected: str | None = None
        self.packet_bytes_max: int | None = None

    def open(self) -> None:
        """Connect. Raises BrokerError."""
        said: str | None = None
        for version, patience_s in _ATTEMPTS:
            code = self._open(version, patience_s)
            if code == 0:
                return
            said = self._lost if code == _HUNG_UP else f"code {code}"
            self.close()
            if code not in _UNSUPPORTED:
                break
        raise BrokerError(f"{self._broker}: the broker refuses the connection: {said}")

    # An enumeration's member in paho's types.
    def _open(self, version: Any, patience_s: float) -> int:  # noqa: ANN401
        self._lost = None
        self._answers = queue.SimpleQueue()
        client = BoundedClient(self._client_id, version, PACKET_BYTES_MAX)
        properties = Properties(PacketTypes.CONNECT) if version == MQTTv5 else None
        if properties is not None:
            properties.MaximumPacketSize = PACKET_BYTES_MAX
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.max_inflight_messages = IN_FLIGHT
        broker = self._broker
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        if broker.tls:
            context = ssl.create_default_context(cafile=broker.ca_file)
            if broker.cert_file is not None:
                context.load_cert_chain(broker.cert_file, broker.key_file, password="")
            client.tls_set_context(context)
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        self._client = client
        try:
            client.connect(broker.host, broker.port, keepalive=30, properties=properties)
        except OSError as error:
            self._client = None
            raise BrokerError(f"{broker}: {error}") from error
        client.loop_start()
        try:
            return self._answers.get(timeout=patience_s)
        except queue.Empty:
            self._lost = f"no answer in {patience_s:g} s"
            return _HUNG_UP

    def close(self) -> None:
        """Disconnect; may be called twice."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def publish(self, topic: str, payload: bytes, *, retain: bool = True) -> None:
        """Send with QoS 1; waits only where many are on their way already. Raises BrokerError."""
        most = self.payload_bytes_max(topic)
        if most is not None and len(payload) > most:
            raise BrokerError(
                f"{topic}: {len(payload)} bytes, allowed: {most}, as the broker takes packets of"
                f" {self.packet_bytes_max} at most"
            )
        self._in_flight.append(self._connection.publish(topic, payload, qos=1, retain=retain))
        if len(self._in_flight) >= IN_FLIGHT:
            self.flush()

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until the broker has acknowledged all. Raises BrokerError."""
        deadline_s = time.monotonic() + timeout_s
        for info in self._in_flight:
            while not info.is_published():
                if self._lost is not None or time.monotonic() > deadline_s:
                    self._in_flight.clear()
                    reason = self._lost or f"not acknowledged in {timeout_s:g} s"
                    raise BrokerError(f"{self._broker}: {reason}")
                info.wait_for_publish(0.1)
        self._in_flight.clear()
        if self._rejected is not None:
            raise BrokerError(f"{self._broker}: the broker refuses a message: {self._rejected}")

    def payload_bytes_max(self, topic: str) -> int | None:
        """Return how long a message may be; None where the broker does not say."""
        if self.packet_bytes_max is None:
            return None
        return self.packet_bytes_max - len(topic.encode()) - FRAME_BYTES_MAX

    def subscribe(self, pattern: str, handler: Handler, timeout_s: float = 10.0) -> None:
        """Have ``handler(topic, payload)`` called for what is there and for what comes.

        Raises:
            BrokerError: refused, mostly by the broker's access list, or not answered.
        """
        self._handlers[pattern] = handler
        _, number = self._connection.subscribe(pattern, qos=1)
        if number is None:
            raise BrokerError(f"{self._broker}: {self._lost or 'not connected'}")
        # The answer may have come before anybody could wait for it.
        answered = self._subscribed.setdefault(number, threading.Event())
        if not answered.wait(timeout_s):
            raise BrokerError(f"{pattern}: {self._lost or f'no answer in {timeout_s:g} s'}")
        if number in self._refused:
            raise BrokerError(f"{pattern}: the broker refuses: {self._refused[number]}")

    def unsubscribe(self, pattern: str) -> None:
        """Hear no more of ``pattern``."""
        self._connection.unsubscribe(pattern)
        self._handlers.pop(pattern, None)

    def fetch(self, topic: str, timeout_s: float) -> bytes | None:
        """Return what is retained under ``topic``; None where nothing comes in time.

        Raises:
            BrokerError: refused, or the connection was lost.
        """
        came: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.subscribe(topic, lambda _topic, payload: came.put(payload))
        try:
            return came.get(timeout=timeout_s)
        except queue.Empty:
            if self._lost is not None:
                raise BrokerError(f"{self._broker}: {self._lost}") from None
            return None
        finally:
            self.unsubscribe(topic)

    def collect(self, pattern: str, fence: str, quiet_s: float = 10.0) -> dict[str, bytes]:
        """Return what is retained below ``pattern``, by topic.

        MQTT does not say where it ends. A message of our own to ``fence``, which comes back behind
        it, does so on brokers that keep the order; on others some may be missing from the answer.

        Args:
            pattern: which topics.
            fence: a topic that this client may write and read, and nobody else hears.
            quiet_s: to wait for the next message.

        Raises:
            BrokerError: refused, or the connection was lost.
        """
        came: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self.subscribe(fence, lambda topic, payload: came.put((topic, payload)))
        self.subscribe(pattern, lambda topic, payload: came.put((topic, payload)))
        end = os.urandom(16)
        found: dict[str, bytes] = {}
        try:
            self.publish(fence, end, retain=False)
            self.flush()
            while True:
                topic, payload = came.get(timeout=quiet_s)
                if topic != fence:
                    found[topic] = payload
                elif payload == end:
                    break
        except queue.Empty:
            if self._lost is not None:
                raise BrokerError(f"{self._broker}: {self._lost}") from None
        finally:
            self.unsubscribe(pattern)
            self.unsubscribe(fence)
        return found

    @property
    def lost(self) -> str | None:
        """Why there is no connection any more; None while there is one."""
        return self._lost

    @property
    def _connection(self) -> Client:
        if self._client is None or self._lost is not None:
            raise BrokerError(f"{self._broker}: {self._lost or 'not connected'}")
        return self._client

    def _on_connect(
        self, _client: Client, _data: object, _flags: object, code: ReasonCode, properties: object
    ) -> None:
        if isinstance(properties, Properties):
            self.packet_bytes_max = getattr(properties, "MaximumPacketSize", None)
        self._answers.put(int(code.value))

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        too_long = None if self._client is None else self._client.too_long
        self._lost = f"the connection was lost: {too_long or code}"
        self._answers.put(_HUNG_UP)
        for answered in list(self._subscribed.values()):
            answered.set()

    def _on_publish(
        self, _client: Client, _data: object, _number: int, code: ReasonCode, _properties: object
    ) -> None:
        if code.is_failure:  # MQTT 5 says so, mostly by its access list; 3.1.1 has no way to
            self._rejected = str(code)

    def _on_subscribe(
        self,
        _client: Client,
        _data: object,
        number: int,
        codes: list[ReasonCode],
        _properties: object,
    ) -> None:
        if any(code.is_failure for code in codes):
            self._refused[number] = ", ".join(map(str, codes))
        self._subscribed.setdefault(number, threading.Event()).set()

    def _on_message(self, _client: Client, _data: object, message: "MQTTMessage") -> None:
        for pattern, handler in list(self._handlers.items()):
            if topic_matches_sub(pattern, message.topic):
                handler(message.topic, bytes(message.payload))


def _send_at_once(_client: Client, _data: object, opened: object) -> None:
    """Let no question wait 40 ms for the answer to the one before to be acknowledged."""
    cast("socket.socket", opened).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
