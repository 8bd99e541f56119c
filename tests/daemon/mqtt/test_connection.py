import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from edge_agent.daemon.config.settings import Mqtt
from edge_agent.daemon.mqtt import client
from edge_agent.daemon.mqtt.client import ConnectionFailed, LastWill
from edge_agent.daemon.mqtt.connection import Connection

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture
def resetting_port() -> Iterator[int]:
    """A port that resets whoever connects, as a proxy does whose broker has gone."""
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            peer, _ = server.accept()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            peer.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        stopping.set()
        socket.create_connection(server.getsockname()).close()
        thread.join(60.0)


@pytest.mark.parametrize("delay_s", [0.0, 0.02], ids=["after CONNECT", "before CONNECT"])
def test_a_connection_that_is_reset_at_once_is_one_that_failed(
    resetting_port: int, monkeypatch: pytest.MonkeyPatch, delay_s: float
) -> None:
    monkeypatch.setattr(client, "_send_at_once", lambda *_: time.sleep(delay_s))
    settings = Mqtt(port=resetting_port, client_id="edge-agent-gw-1")
    will = LastWill("edge/v1/gw-1/status", b"{}")
    for _ in range(20):
        opened = Connection(settings, "5", None, will, lambda _refusal: None, ())
        with pytest.raises(ConnectionFailed, match=f"broker 127.0.0.1:{resetting_port}: "):
            opened.open()
