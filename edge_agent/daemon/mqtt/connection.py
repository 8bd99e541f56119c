"""One connection to the broker, from CONNECT to its end, on the thread that calls it.

paho is driven through its interface for foreign event loops: one ``select`` waits for the socket
and for the outbox alike, so that a message leaves the moment it is put.
"""

import os
import selectors
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast
from typing import Protocol as Shape

from edge_agent.daemon.config.settings import Mqtt
from edge_agent.daemon.mqtt.client import (
    CONNECT_TIMEOUT_S,
    ConnectionFailed,
    LastWill,
    Protocol,
    connect_properties,
    make_client,
    publish_properties,
    subscription,
)
from edge_agent.daemon.mqtt.ear import Ear, Heard
from edge_agent.daemon.outbox import Outbox, Outgoing, late
from edge_agent.daemon.topics import QOS

if TYPE_CHECKING:
    from paho.mqtt.client import (
        Client,
        ConnectFlags,
        DisconnectFlags,
        MQTTMessage,
    )
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

IN_FLIGHT_MAX = 32
_UNSUPPORTED_PROTOCOL_VERSION = 132  # MQTT 5, table 3-1; paho translates 3.1.1's code 1 to it
_MISC_INTERVAL_S = 1.0


class _Socket(Shape):
    """A connected socket; only a TLS socket is ever asked for what it holds back."""

    def fileno(self) -> int: ...
    def pending(self) -> int: ...


class Connection:
    """A paho client for one connection; what it had in flight is known when it ends."""

    def __init__(
        self,
        settings: Mqtt,
        protocol: Protocol,
        password: str | None,
        will: LastWill,
        on_refused: Callable[[str], None],
        ears: Sequence[Ear],
    ) -> None:
        """Prepare without touching the network.

        Args:
            settings: of the broker.
            protocol: to speak.
            password: None where the broker wants none.
            will: for the broker to keep.
            on_refused: called with topic and reason of a message that the broker did not accept.
            ears: what is subscribed to.

        Raises:
            ConnectionFailed: the files for TLS cannot be used.
        """
        self._settings = settings
        self._protocol = protocol
        self._client = make_client(settings, protocol, password, will)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._answer: tuple[int, str] | None = None
        self._ended: str | None = None
        self._in_flight: dict[int, Outgoing] = {}
        self._in_flight_max = IN_FLIGHT_MAX
        self._settled: list[tuple[Outgoing, bool]] = []
        self._on_refused = on_refused
        self._ears = {ear.topic: ear for ear in ears}
        self._asked: dict[int, Ear] = {}
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe

    def open(self) -> None:
        """Connect and wait for CONNACK. Raises ConnectionFailed."""
        try:
            self._client.connect(
                self._settings.host,
                self._settings.port or 1883,
                self._settings.keepalive_s,
                properties=connect_properties(self._protocol),
            )
        except (OSError, ValueError) as error:
            raise ConnectionFailed(f"{_where(self._settings)}: {error}") from error
        deadline_s = time.monotonic() + CONNECT_TIMEOUT_S
        with selectors.DefaultSelector() as selector:
            if (sock := self._client.socket()) is not None:  # else it was reset at once
                selector.register(sock, selectors.EVENT_READ)
            while self._answer is None and self._ended is None:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0.0:
                    break
                if selector.select(left_s):
                    self._read()
        if self._answer is None:
            self.close()
            raise ConnectionFailed(
                f"{_where(self._settings)}: {self._ended or 'silence'} instead of an answer"
                f" to CONNECT, MQTT {self._protocol}",
                speaks_otherwise=True,
            )
        code, name = self._answer
        if code != 0:
            self.close()
            raise ConnectionFailed(
                f"{_where(self._settings)} refused the connection: {name}, MQTT {self._protocol}",
                speaks_otherwise=code == _UNSUPPORTED_PROTOCOL_VERSION,
            )
        for ear in self._ears.values():
            how = subscription(self._protocol, retained=ear.wants_retained)
            _, number = self._client.subscribe(ear.topic, **how)
            if number is not None:
                self._asked[number] = ear

    def serve(self, outbox: Outbox, wake_fd: int, time_left_s: Callable[[], float]) -> None:
        """Send what comes into ``outbox`` while there is time left.

        Args:
            outbox: where messages come from.
            wake_fd: readable whenever something was put, or ``time_left_s`` has changed.
            time_left_s: asked after each wake-up; 0 ends.

        Raises:
            ConnectionFailed: the connection ended.
        """
        with selectors.DefaultSelector() as selector:
            self._raise_where_ended()
            sock = self._socket()
            selector.register(sock, selectors.EVENT_READ)
            selector.register(wake_fd, selectors.EVENT_READ)
            misc_due_s = 0.0
            while (left_s := time_left_s()) > 0.0:
                self._send(outbox)
                self._raise_where_ended()
                writing = selectors.EVENT_WRITE if self._client.want_write() else 0
                selector.modify(sock, selectors.EVENT_READ | writing)
                wait_s = min(left_s, _MISC_INTERVAL_S, outbox.pause_s())
                for key, events in selector.select(wait_s):
                    if key.fileobj == wake_fd:
                        os.eventfd_read(wake_fd)
                        continue
                    if events & selectors.EVENT_READ:
                        self._read()
                    if events & selectors.EVENT_WRITE:
                        self._client.loop_write()
                now_s = time.monotonic()
                if now_s >= misc_due_s:
                    misc_due_s = now_s + _MISC_INTERVAL_S
                    self._client.loop_misc()
                self._settle(outbox)
                self._raise_where_ended()

    def close(self) -> None:
        """Say goodbye where there is still somebody; a clean DISCONNECT discards the Last Will."""
        self._client.disconnect()
        while self._client.want_write() and self._client.loop_write() == 0:
            pass
        self._client.loop_misc()

    def _send(self, outbox: Outbox) -> None:
        while self._ended is None and len(self._in_flight) < self._in_flight_max:
            outgoing = outbox.take()
            if outgoing is None:
                return
            carriage = outgoing.carriage
            info = self._client.publish(
                outgoing.topic,
                late(outgoing.body) if outgoing.backlog else outgoing.body,
                qos=QOS,
                retain=carriage.retained,
                properties=publish_properties(
                    self._protocol, carriage.expiry_s, outgoing.correlation
                ),
            )
            self._in_flight[info.mid] = outgoing

    def _settle(self, outbox: Outbox) -> None:
        for outgoing, refused in self._settled:
            outbox.settle(outgoing, refused=refused)
        self._settled.clear()

    def _raise_where_ended(self) -> None:
        if self._ended is not None:
            raise ConnectionFailed(f"{_where(self._settings)}: {self._ended}")

    def _read(self) -> None:
        self._client.loop_read()
        # TLS decrypts whole records: what it holds back, select does not see.
        while self._settings.tls and self._ended is None and self._socket().pending():
            self._client.loop_read()

    def _socket(self) -> "_Socket":
        return cast("_Socket", self._client.socket())

    def _on_connect(
        self,
        _client: "Client",
        _data: object,
        _flags: "ConnectFlags",
        reason: "ReasonCode",
        properties: "Properties | None",
    ) -> None:
        self._answer = (reason.value, str(reason))
        allowed = getattr(properties, "ReceiveMaximum", None)
        if allowed is not None:
            self._in_flight_max = min(IN_FLIGHT_MAX, allowed)

    def _on_disconnect(
        self,
        _client: "Client",
        _data: object,
        _flags: "DisconnectFlags",
        reason: "ReasonCode",
        _properties: "Properties | None",
    ) -> None:
        self._ended = f"connection ended ({self._client.too_long or reason})"

    def _on_message(self, _client: "Client", _data: object, message: "MQTTMessage") -> None:
        ear = self._ears.get(message.topic)
        if ear is None:
            return
        properties = message.properties
        ear.take(
            Heard(
                payload=bytes(message.payload),
                retained=message.retain,
                response_topic=getattr(properties, "ResponseTopic", None),
                correlation=getattr(properties, "CorrelationData", None),
            )
        )

    def _on_subscribe(
        self,
        _client: "Client",
        _data: object,
        mid: int,
        reasons: "list[ReasonCode]",
        _properties: "Properties | None",
    ) -> None:
        ear = self._asked.pop(mid, None)
        if ear is not None:
            refusals = [str(reason) for reason in reasons if reason.is_failure]
            ear.subscribed(refusals[0] if refusals else None)

    def _on_publish(
        self,
        _client: "Client",
        _data: object,
        mid: int,
        reason: "ReasonCode",
        _properties: "Properties | None",
    ) -> None:
        outgoing = self._in_flight.pop(mid, None)
        if outgoing is None:
            return
        self._settled.append((outgoing, reason.is_failure))
        if reason.is_failure:
            self._on_refused(f"{outgoing.topic}: {reason}")


def _where(settings: Mqtt) -> str:
    return f"broker {settings.host}:{settings.port}"
