"""paho's client and the properties of MQTT 5, as the connection uses them."""

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from edge_agent.daemon.config.settings import Mqtt
from edge_agent.daemon.topics import QOS

if TYPE_CHECKING:
    from paho.mqtt.client import Client, SocketLike
    from paho.mqtt.properties import Properties

    from edge_agent.rollout.bounded_client import BoundedClient

Protocol = Literal["5", "3.1.1"]

CONNECT_TIMEOUT_S = 5.0
_SEND_NONE_RETAINED = 2  # MQTT 5, 3.8.3.1
# More a broker that speaks MQTT 5 does not send here: see Inbox and Desires, which take 64 KiB, and
# the packet has a topic, too.
_PACKET_BYTES_ASKED = 65_536 + 1024
# More is not read at all; what lies between is, and refused with a reason.
_PACKET_BYTES_MAX = 1 << 20


class ConnectionFailed(Exception):  # noqa: N818 - "failed" says more than "error"
    """No connection came about, or it ended; the message says why.

    Attributes:
        speaks_otherwise: the broker may accept the other version of the protocol.
    """

    def __init__(self, reason: str, *, speaks_otherwise: bool = False) -> None:
        """``reason`` is for the operator."""
        super().__init__(reason)
        self.speaks_otherwise = speaks_otherwise


@dataclass(frozen=True, slots=True)
class LastWill:
    """What the broker publishes, retained, when this connection dies."""

    topic: str
    payload: bytes


def make_client(
    settings: Mqtt, protocol: Protocol, password: str | None, will: LastWill
) -> "BoundedClient":
    """Return a client that neither reconnects nor queues by itself. Raises ConnectionFailed."""
    from paho.mqtt.client import MQTTv5, MQTTv311
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    from edge_agent.rollout.bounded_client import BoundedClient

    version = MQTTv5 if protocol == "5" else MQTTv311
    client = BoundedClient(settings.client_id, version, _PACKET_BYTES_MAX)
    client.connect_timeout = CONNECT_TIMEOUT_S
    client.max_inflight_messages = 0  # the number in flight is kept here, where it can be undone
    if settings.username is not None:
        client.username_pw_set(settings.username, password)
    if settings.tls:
        from edge_agent.daemon.mqtt.tls import TlsError, tls_context

        try:
            client.tls_set_context(tls_context(settings))
        except TlsError as error:  # the files were good at the start, but may have been replaced
            raise ConnectionFailed(str(error)) from error
    properties = None
    if protocol == "5":
        properties = Properties(PacketTypes.WILLMESSAGE)
        properties.ContentType = "application/json"
    client.will_set(will.topic, will.payload, qos=QOS, retain=True, properties=properties)
    client.on_socket_open = _send_at_once
    return client


def connect_properties(protocol: Protocol) -> "Properties | None":
    """Return what CONNECT asks of a broker that speaks MQTT 5."""
    if protocol != "5":
        return None
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.CONNECT)
    properties.MaximumPacketSize = _PACKET_BYTES_ASKED
    return properties


def subscription(protocol: Protocol, *, retained: bool) -> dict[str, Any]:
    """Return how to subscribe; what is ``retained`` may be news, but is no command."""
    if protocol != "5" or retained:
        return {"qos": QOS}
    from paho.mqtt.subscribeoptions import SubscribeOptions

    return {"options": SubscribeOptions(qos=QOS, retainHandling=_SEND_NONE_RETAINED)}


def _send_at_once(_client: "Client", _data: object, sock: "SocketLike") -> None:
    """Without this a small message waits for the acknowledgement of the one before (Nagle)."""
    cast("socket.socket", sock).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def publish_properties(
    protocol: Protocol, expiry_s: int | None, correlation: bytes | None
) -> "Properties | None":
    """Return what goes with a message."""
    if protocol != "5":
        return None
    from edge_agent.daemon.mqtt.properties import PublishProperties, common_properties

    if correlation is not None:
        return PublishProperties(expiry_s, correlation)
    return common_properties(expiry_s)
