"""A broker that sends what nobody asked for; the client is the real one."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from brokers import Mosquitto
from waiting import wait_until

from edge_agent.daemon.config.settings import Mqtt
from edge_agent.daemon.mqtt.client import ConnectionFailed, LastWill, Protocol
from edge_agent.daemon.mqtt.connection import Connection
from edge_agent.rollout.broker import Broker
from edge_agent.rollout.mqtt import FRAME_BYTES_MAX, PACKET_BYTES_MAX, connected

CONNACK = b"\x20\x03\x00\x00\x00"  # of MQTT 5
LONGEST = 268_435_455  # what MQTT allows
ENDLESS = b"\x30\xff\xff\xff\x7f"  # PUBLISH of that length
MAXIMUM_PACKET_SIZE = 0x27  # MQTT 5, 3.1.2.11.4


class Hostile:
    """Answers one client with ``begin``, then with zeros for as long as that listens."""

    def __init__(self, begin: bytes) -> None:
        self.begin = begin
        self.asked = b""
        self.sent = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]

    def serve(self) -> None:
        opened, _ = self.listener.accept()
        with opened, suppress(OSError):  # the client has had enough
            self.asked = opened.recv(65_536)
            opened.sendall(self.begin)
            while self.sent < LONGEST:
                self.sent += opened.send(b"\x00" * 65_536)


@contextmanager
def hostile(*packets: bytes) -> Iterator[Hostile]:
    broker = Hostile(b"".join(packets))
    thread = threading.Thread(target=broker.serve)
    thread.start()
    try:
        yield broker
    finally:
        thread.join(30.0)
        broker.listener.close()
    assert not thread.is_alive()


def test_an_endless_packet_ends_the_connection_before_it_is_read() -> None:
    with (
        hostile(CONNACK, ENDLESS) as broker,
        connected(Broker(host="127.0.0.1", port=broker.port), "test") as client,
    ):
        assert wait_until(lambda: client.lost is not None)
        reason = f"a packet of {LONGEST} bytes, allowed: {PACKET_BYTES_MAX}"
        assert client.lost == f"the connection was lost: {reason}"
    assert broker.sent < LONGEST
    assert struct.pack(">BI", MAXIMUM_PACKET_SIZE, PACKET_BYTES_MAX) in broker.asked


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_agent_reads_none_of_it_either(protocol: Protocol) -> None:
    will = LastWill(topic="edge/v1/gw-1/status", payload=b"{}")
    with hostile(ENDLESS) as broker:
        settings = Mqtt(port=broker.port, client_id="edge-agent-gw-1")
        opened = Connection(settings, protocol, None, will, lambda _refusal: None, ())
        with pytest.raises(ConnectionFailed, match=rf"a packet of {LONGEST} bytes, allowed: \d+"):
            opened.open()
    assert broker.sent < LONGEST


def test_what_is_as_long_as_it_may_be_comes_through(mosquitto: Mosquitto) -> None:
    with connected(Broker(host="127.0.0.1", port=mosquitto.port), "test") as client:
        longest = b"x" * (PACKET_BYTES_MAX - FRAME_BYTES_MAX)
        client.publish("edge/v1/a", longest)
        client.flush()
        assert client.fetch("edge/v1/a", 60.0) == longest
        client.publish("edge/v1/b", longest + b"x" * FRAME_BYTES_MAX)
        client.publish("edge/v1/c", b"x")
        client.flush()
        assert client.fetch("edge/v1/c", 60.0) == b"x"
        assert client.lost is None
