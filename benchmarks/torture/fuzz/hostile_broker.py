"""Packets that a hostile or broken broker sends to the agent's client."""

import math
import os
import random
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.broker import HOST
from benchmarks.torture.fuzz.mutate import mutated
from benchmarks.torture.fuzz.target import Allowed
from edge_agent.daemon.commands.requests import done
from edge_agent.daemon.config.settings import Mqtt
from edge_agent.daemon.messages import ModelState
from edge_agent.daemon.mqtt.client import ConnectionFailed, LastWill, Protocol
from edge_agent.daemon.mqtt.connection import Connection
from edge_agent.daemon.mqtt.inbox import Inbox
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.session import Session
from edge_agent.daemon.topics import Topics

_TOPIC = "edge/v1/gw-1/pump-1/model"
_LEVEL_311, _LEVEL_5 = 4, 5  # as the protocol itself calls its versions
_SERVED_S = 0.2  # a connection that the broker leaves open is left after that
_ACCEPTED = {
    4: b"\x20\x02\x00\x00",
    # Receive Maximum, Maximum QoS, Assigned Client Identifier, User Property, Server Keep Alive
    5: b"\x20\x1b\x00\x00\x18\x21\x00\x0a\x24\x01\x12\x00\x03abc\x26\x00\x01k\x00\x01v\x13\x00\x3c",
}
_LATER = {
    4: (
        b"\x40\x02\x00\x01",
        b"\x30\x07\x00\x03a/bhi",
        b"\x32\x09\x00\x03a/b\x00\x07hi",
        b"\x90\x03\x00\x01\x80",
        b"\xd0\x00",
    ),
    5: (
        b"\x40\x02\x00\x01",
        b"\x40\x04\x00\x01\x10\x00",
        b"\x40\x03\x00\x01\x87",
        b"\x30\x07\x00\x03a/b\x00hi",
        b"\x32\x09\x00\x03a/b\x00\x07\x00hi",
        b"\x30\x10\x00\x03a/b\x09\x08\x00\x01r\x09\x00\x02cdhi",
        b"\xd0\x00",
        b"\xe0\x02\x8b\x00",
        b"\xf0\x02\x00\x00",
        b"\x90\x04\x00\x01\x00\x00",
        b"\x50\x02\x00\x01",
        b"\x62\x02\x00\x01",
    ),
}


class HostileBroker:
    """Lets the agent's own connection talk to a socket that answers rubbish."""

    allowed: Allowed = (ConnectionFailed,)

    def __init__(self, _folder: Path) -> None:
        """Listen."""
        self._server = socket.create_server((HOST, 0))
        self._port = int(self._server.getsockname()[1])
        self._says: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def feed(self, number: int, rng: random.Random) -> None:  # noqa: ARG002
        """Connect once, and publish as long as that lasts."""
        level = rng.choice((_LEVEL_311, _LEVEL_5))
        packets = [_ACCEPTED[level], *rng.choices(_LATER[level], k=rng.randint(1, 5))]
        if rng.random() < 0.5:  # noqa: PLR2004 - half of them only later
            packets[0] = mutated(packets[0], rng)
        packets[1:] = [mutated(packet, rng) for packet in packets[1:]]
        self._says = packets
        wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        outbox = _outbox()
        will = LastWill("edge/v1/gw-1/status", b"{}")
        settings = Mqtt(host=HOST, port=self._port, client_id="edge-agent-gw-1")
        version: Protocol = "3.1.1" if level == _LEVEL_311 else "5"
        session = Session(Topics("edge/v1", "gw-1"))
        inbox = Inbox(session, outbox, lambda _command, _origin, respond: respond(done()))
        connection = Connection(settings, version, None, will, lambda _refusal: None, [inbox])
        end_s = math.inf
        try:
            connection.open()
            outbox.connection_began()
            end_s = time.monotonic() + _SERVED_S
            connection.serve(outbox, wake_fd, lambda: end_s - time.monotonic())
        finally:
            connection.close()
            os.close(wake_fd)

    def _serve(self) -> None:
        while True:
            client, _ = self._server.accept()
            with client, suppress(OSError):
                client.settimeout(1.0)
                client.recv(4096)
                for packet in self._says:
                    client.sendall(packet)
                    time.sleep(0.002)
                client.shutdown(socket.SHUT_WR)
                client.recv(4096)

    def close(self) -> None:
        """The thread ends with the process."""


def _outbox() -> Outbox:
    """Return an outbox with one state to send."""
    outbox = Outbox(100.0)
    envelope = Session(Topics("edge/v1", "gw-1")).envelope(_TOPIC, None, 0, 0)
    message = ModelState(
        asset="pump-1", name="n", version="1.0.0", sha256="", begun="empty", **envelope
    )
    outbox.state("model", _TOPIC, message)
    return outbox
