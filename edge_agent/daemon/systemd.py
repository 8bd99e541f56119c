"""What the service manager is told: sd_notify(3), in the few lines that its protocol needs."""

import os
import socket
from collections.abc import Mapping
from typing import Self

FEEDS_PER_TIMEOUT = 4


class Notifier:
    """Sends datagrams to the socket that systemd names; silent where there is none."""

    def __init__(self, address: str | None) -> None:
        """``address`` is a path, or ``@`` and an abstract name."""
        self._address = address
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            # A manager that does not read must not hold up the scoring loop.
            self._socket.settimeout(0)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Use ``NOTIFY_SOCKET``."""
        return cls(environment.get("NOTIFY_SOCKET"))

    def send(self, *assignments: str) -> None:
        """Send assignments such as ``READY=1`` in one datagram; a deaf manager is no error."""
        if self._socket is None or self._address is None:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            self._socket.sendto("\n".join(assignments).encode(), address)
        except OSError:
            return

    def close(self) -> None:
        """Release the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def watchdog_timeout_s(environment: Mapping[str, str] = os.environ) -> float | None:
    """Return the watchdog's timeout in seconds, None where systemd asks this process for none."""
    try:
        timeout_us = int(environment.get("WATCHDOG_USEC", "0"))
        pid = int(environment.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return None
    return timeout_us / 1e6 if timeout_us > 0 and pid == os.getpid() else None


class Watchdog:
    """Feeds systemd's watchdog from the scoring loop, between two windows.

    The loop wakes itself at least every ``interval_s``, so a dead sensor, an idle machine or a
    period of ten minutes starves nothing; a loop stuck in one window does.
    """

    def __init__(self, notifier: Notifier, timeout_s: float | None) -> None:
        """Feed ``FEEDS_PER_TIMEOUT`` times per ``timeout_s``; None: no watchdog."""
        self._notifier = notifier
        self.interval_s = None if timeout_s is None else timeout_s / FEEDS_PER_TIMEOUT
        self._due_s = 0.0

    def feed(self, now_s: float) -> None:
        """Say that the loop is alive, if it is time; ``now_s`` is monotonic."""
        if self.interval_s is not None and now_s >= self._due_s:
            self._due_s = now_s + self.interval_s
            self._notifier.send("WATCHDOG=1")
