import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from edge_agent.daemon.connection import Connection, ConnectionFailed, LastWill
from edge_agent.daemon.settings import Mqtt

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture
def resetting_port() -> Iterator[int]:
    """A port that resets whoever connects, as a proxy does whose broker has gone."""
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            connection, _ = server.accept()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        stopping.set()
        socket.create_connection(server.getsockname()).close()
        thread.join(10.0)


def test_a_connection_that_is_reset_at_any_moment_is_one_that_failed(resetting_port: int) -> None:
    settings = Mqtt(port=resetting_port, client_id="edge-agent-gw-1")
    will = LastWill("edge/v1/gw-1/status", b"{}")
    for _ in range(200):  # the reset comes before, while or after CONNECT is sent
        connection = Connection(settings, "5", None, will, lambda _refusal: None)
        with pytest.raises(ConnectionFailed, match=f"broker 127.0.0.1:{resetting_port}: "):
            connection.open()
