"""The MQTT thread: connects, falls back to 3.1.1, and comes back when the broker does."""

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from edge_agent.daemon.backoff import Backoff
from edge_agent.daemon.config.settings import Mqtt
from edge_agent.daemon.mqtt.client import ConnectionFailed, LastWill, Protocol
from edge_agent.daemon.mqtt.connection import Connection
from edge_agent.daemon.mqtt.ear import Ear
from edge_agent.daemon.mqtt.inbox import Inbox
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.status_message import Status

_log = logging.getLogger(__name__)

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
_LEAVE_S = 0.5  # to a broker that is left: what is in flight may still arrive
_STABLE_S = 10.0  # a connection that ends sooner does not reset the back-off


@dataclass(slots=True)
class LinkState:
    """How the connection is doing, for the status.

    Attributes:
        connected: now.
        changed_s: when that changed last; monotonic.
        protocol: of the connection, or of the last one.
        error: why there is none, or why the last one ended.
        connections: how many there were.
        refused: messages that the broker did not accept, mostly by its access list.
        refusal: topic and reason of the last of them.
    """

    connected: bool = False
    changed_s: float = field(default_factory=time.monotonic)
    protocol: Protocol | None = None
    error: str | None = None
    connections: int = 0
    refused: int = 0
    refusal: str | None = None


class MqttLink:
    """Carries the outbox to the broker on a thread of its own.

    Attributes:
        more_ears: what is subscribed to besides commands, from the next connection on.
        state: see LinkState.
    """

    def __init__(
        self,
        settings: Mqtt,
        password: str | None,
        outbox: Outbox,
        status_topic: str,
        will: Callable[[], Status],
        on_connected: Callable[[Protocol], None],
        on_leaving: Callable[[], None],
        inbox: Inbox,
    ) -> None:
        """Prepare; nothing happens before ``start``.

        Args:
            settings: of the broker.
            password: None where the broker wants none.
            outbox: what to carry; its ``wake`` becomes this link's.
            status_topic: topic of the Last Will.
            will: asked before every connection, with its new sequence number.
            on_connected: called on this thread when a connection stands; puts the birth.
            on_leaving: called on this thread before a connection is given up for ``use``.
            inbox: takes commands, where ``settings`` let anybody send some.
        """
        self._settings = settings
        self._password = password
        self._outbox = outbox
        self._status_topic = status_topic
        self._will = will
        self._on_connected = on_connected
        self._on_leaving = on_leaving
        self._inbox = inbox
        self.more_ears: tuple[Ear, ...] = ()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        outbox.wake = self._wake
        self._stop_at_s: float | None = None
        self._next: tuple[Mqtt, str | None] | None = None
        self._leave_at_s: float | None = None
        self._hurry = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self.state = LinkState()

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Send what waits, for at most ``timeout_s``, and disconnect; return whether all went.

        Without a connection there is nothing to wait for.
        """
        if not self._thread.is_alive():
            return self._outbox.is_settled
        if not self.state.connected:
            timeout_s = 0.0
        self._stop_at_s = time.monotonic() + timeout_s
        self._stopping.set()
        self._hurry.set()
        self._wake()
        self._thread.join(timeout_s + 0.1)
        if not self._thread.is_alive():
            self._outbox.wake = lambda: None
            os.close(self._wake_fd)
        return self._outbox.is_settled

    def use(self, settings: Mqtt, password: str | None) -> None:
        """Leave the broker, and connect by other settings or with what the files hold now."""
        self._next = settings, password
        self._hurry.set()
        self._wake()

    def _wake(self) -> None:
        os.eventfd_write(self._wake_fd, 1)

    def _time_left_s(self) -> float:
        now_s = time.monotonic()
        until_s = self._stop_at_s
        if until_s is None and self._next is not None:
            if self._leave_at_s is None:
                self._leave_at_s = now_s + _LEAVE_S
                self._on_leaving()
            until_s = self._leave_at_s
        if until_s is None:
            return math.inf
        return 0.0 if self._outbox.is_settled else until_s - now_s

    def _run(self) -> None:
        backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
        protocol: Protocol = "5"
        while not self._stopping.is_set():
            if self._next is not None:
                (self._settings, self._password), self._next = self._next, None
                self._leave_at_s = None
                protocol = "5"
                backoff.reset()
            began_s = time.monotonic()
            try:
                self._connect_and_serve(protocol)
            except ConnectionFailed as failure:
                self._note(str(failure))
                if failure.speaks_otherwise:
                    protocol = "3.1.1" if protocol == "5" else "5"
                    if protocol == "3.1.1":
                        continue  # not the broker's fault: ask at once in the older version
            if time.monotonic() - began_s > _STABLE_S:
                backoff.reset()
            if self._next is None and self._hurry.wait(backoff.next_wait_s()):
                self._hurry.clear()

    def _connect_and_serve(self, protocol: Protocol) -> None:
        will = LastWill(self._status_topic, msgspec.json.encode(self._will()))
        connection = Connection(
            self._settings,
            protocol,
            self._password,
            will,
            self._note_refusal,
            [*((self._inbox,) if self._settings.commands else ()), *self.more_ears],
        )
        connection.open()
        self.state.connected, self.state.protocol, self.state.error = True, protocol, None
        self.state.connections += 1
        self.state.changed_s = time.monotonic()
        _log.info(
            "connected to %s:%d, MQTT %s",
            self._settings.host,
            self._settings.port,
            protocol,
            extra={"event": "mqtt_connected"},
        )
        self._on_connected(protocol)
        self._outbox.connection_began()
        try:
            connection.serve(self._outbox, self._wake_fd, self._time_left_s)
        finally:
            self.state.connected, self.state.changed_s = False, time.monotonic()
            self._outbox.connection_ended()
        connection.close()

    def _note_refusal(self, refusal: str) -> None:
        if refusal != self.state.refusal:
            refused = {"event": "mqtt_refused"}
            _log.warning("the broker refused a message: %s", refusal, extra=refused)
        self.state.refused += 1
        self.state.refusal = refusal

    def _note(self, error: str) -> None:
        if error != self.state.error:  # the same one every minute for a night says nothing new
            _log.warning("%s", error, extra={"event": "mqtt_disconnected"})
        self.state.error = error
