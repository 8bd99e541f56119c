"""One connection to the broker that receives, on the thread that calls it.

The session outlives the connection: what arrives while nobody listens waits at the broker, and
what was not acknowledged comes again. Nothing is acknowledged before the caller says so.
"""

import selectors
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

Protocol = Literal["5", "3.1.1"]

SESSION_EXPIRY_S = 7 * 24 * 3600
KEEPALIVE_S = 60
BATCH_MESSAGES = 1000
_BATCH_BYTES = 8 * 1024 * 1024
_ANSWER_S = 5.0
_QOS = 1
_FAILURE = 128  # reason codes from here on refuse
_UNSUPPORTED_PROTOCOL_VERSION = 132  # MQTT 5, table 3-1; paho translates 3.1.1's code 1 to it
_REFUSED_LOGIN = (134, 135)  # bad user name or password, not authorised


class ConnectionFailed(Exception):  # noqa: N818 - "failed" says more than "error"
    """No connection came about, or it ended; the message says why.

    Attributes:
        speaks_otherwise: the broker may accept the other version of the protocol.
        refused: the broker is there, but does not let this user in or read.
    """

    def __init__(
        self, reason: str, *, speaks_otherwise: bool = False, refused: bool = False
    ) -> None:
        """``reason`` is for the operator."""
        super().__init__(reason)
        self.speaks_otherwise = speaks_otherwise
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is, and what it is shown.

    Attributes:
        client_id: name of the session at the broker; None: the store's own.
        tls: None: not encrypted.
        password: None where the broker wants none; never part of a message.
    """

    host: str
    port: int
    client_id: str | None
    username: str | None
    password: str | None
    tls: ssl.SSLContext | None


@dataclass(frozen=True, slots=True)
class Received:
    """A message that waits to be acknowledged on the connection it came by."""

    topic: str
    payload: bytes
    mid: int
    qos: int


class Connection:
    """A paho client for one connection.

    Attributes:
        resumed: the broker had kept the session.
    """

    def __init__(self, broker: Broker, protocol: Protocol) -> None:
        """Prepare without touching the network."""
        self._broker = broker
        self._protocol = protocol
        self._client = _client(broker, protocol)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._client.on_unsubscribe = self._on_answer
        self._answer: tuple[int, str] | None = None
        self._answers: dict[int, list[ReasonCode]] = {}
        self._ended: str | None = None
        self._received: list[Received] = []
        self._received_bytes = 0
        self.resumed = False

    def open(self) -> None:
        """Connect. Raises ConnectionFailed: no broker, or it refused."""
        try:
            self._connect()
        except (OSError, ValueError) as error:
            raise ConnectionFailed(f"{self._where}: {error}") from error
        self._wait_for_connack()

    def subscribe(self, filters: Sequence[str], former: Sequence[str]) -> None:
        """Subscribe to ``filters``, and to none of ``former`` that is not among them.

        Raises:
            ConnectionFailed: the broker refused, or the connection ended.
        """
        gone = [name for name in former if name not in filters]
        if gone:
            self._wait_for_answer(self._client.unsubscribe(gone)[1], "UNSUBSCRIBE")
        mid = self._client.subscribe([(name, _QOS) for name in filters])[1]
        codes = self._wait_for_answer(mid, "SUBSCRIBE")
        for name, code in zip(filters, codes, strict=True):
            if code.value >= _FAILURE:
                raise ConnectionFailed(
                    f"{self._where} refused the subscription to {name}: {code}", refused=True
                )

    def receive(self, timeout_s: float) -> list[Received]:
        """Return what came within ``timeout_s``, at once where there is something.

        Raises:
            ConnectionFailed: the connection ended.
        """
        if not self._received:
            self._turn(timeout_s)
        while self._has_room():
            before = len(self._received)
            self._turn(0.0)
            if len(self._received) == before:
                break
        self._raise_where_ended()
        received, self._received, self._received_bytes = self._received, [], 0
        return received

    def acknowledge(self, received: Sequence[Received]) -> None:
        """Tell the broker that these need not come again."""
        for message in received:
            self._client.ack(message.mid, message.qos)
        while self._ended is None and self._client.want_write():
            self._turn(1.0)

    def close(self) -> None:
        """Say goodbye where there is still somebody; the session stays."""
        self._client.disconnect()
        while self._client.want_write() and self._client.loop_write() == 0:
            pass
        self._client.loop_misc()

    @property
    def _where(self) -> str:
        return f"broker {self._broker.host}:{self._broker.port}"

    def _connect(self) -> None:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        where = (self._broker.host, self._broker.port, KEEPALIVE_S)
        if self._protocol == "3.1.1":
            self._client.connect(*where)
            return
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        properties.ReceiveMaximum = BATCH_MESSAGES
        self._client.connect(*where, clean_start=False, properties=properties)

    def _wait_for_connack(self) -> None:
        self._wait(lambda: self._answer is not None)
        if self._answer is None:
            raise ConnectionFailed(
                f"{self._where}: {self._ended or 'silence'} instead of an answer"
                f" to CONNECT, MQTT {self._protocol}",
                speaks_otherwise=True,
            )
        code, name = self._answer
        if code != 0:
            raise ConnectionFailed(
                f"{self._where} refused the connection: {name}, MQTT {self._protocol}",
                speaks_otherwise=code == _UNSUPPORTED_PROTOCOL_VERSION,
                refused=code in _REFUSED_LOGIN,
            )

    def _wait_for_answer(self, mid: int | None, what: str) -> "list[ReasonCode]":
        self._wait(lambda: mid in self._answers)
        self._raise_where_ended()
        if mid is None or mid not in self._answers:
            raise ConnectionFailed(f"{self._where}: silence instead of an answer to {what}")
        return self._answers[mid]

    def _wait(self, until: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + _ANSWER_S
        while not until() and self._ended is None:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0.0:
                return
            self._turn(left_s)

    def _turn(self, timeout_s: float) -> None:
        """Wait for the socket, and do what it allows; a message is taken up in between."""
        sock = self._client.socket()
        if sock is None:  # it was reset at once
            self._ended = self._ended or "connection ended"
            return
        with selectors.DefaultSelector() as selector:
            writing = selectors.EVENT_WRITE if self._client.want_write() else 0
            selector.register(sock, selectors.EVENT_READ | writing)
            # TLS decrypts whole records: what it holds back, select does not see.
            held = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
            found = selector.select(0.0 if held else timeout_s)
        ready = found[0][1] if found else 0
        if held or ready & selectors.EVENT_READ:
            self._client.loop_read()
        if ready & selectors.EVENT_WRITE:
            self._client.loop_write()
        self._client.loop_misc()

    def _has_room(self) -> bool:
        return len(self._received) < BATCH_MESSAGES and self._received_bytes < _BATCH_BYTES

    def _raise_where_ended(self) -> None:
        if self._ended is not None:
            raise ConnectionFailed(f"{self._where}: {self._ended}")

    def _on_connect(
        self,
        _client: "Client",
        _data: object,
        flags: "ConnectFlags",
        reason: "ReasonCode",
        _properties: "Properties | None",
    ) -> None:
        self._answer = (reason.value, str(reason))
        self.resumed = flags.session_present

    def _on_disconnect(
        self,
        _client: "Client",
        _data: object,
        _flags: "DisconnectFlags",
        reason: "ReasonCode",
        _properties: "Properties | None",
    ) -> None:
        self._ended = f"connection ended ({reason})"

    def _on_message(self, _client: "Client", _data: object, message: "MQTTMessage") -> None:
        self._received.append(
            Received(message.topic, bytes(message.payload), message.mid, message.qos)
        )
        self._received_bytes += len(message.payload)

    def _on_answer(
        self,
        _client: "Client",
        _data: object,
        mid: int,
        codes: "list[ReasonCode]",
        _properties: "Properties | None",
    ) -> None:
        self._answers[mid] = codes


def _client(broker: Broker, protocol: Protocol) -> "Client":
    from paho.mqtt.client import Client, MQTTv5, MQTTv311
    from paho.mqtt.enums import CallbackAPIVersion

    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=broker.client_id,
        clean_session=False if protocol == "3.1.1" else None,
        protocol=MQTTv5 if protocol == "5" else MQTTv311,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.connect_timeout = _ANSWER_S
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls is not None:
        client.tls_set_context(broker.tls)
    return client
