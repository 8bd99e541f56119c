"""What the service manager is told: sd_notify(3), in the few lines that its protocol needs."""

import logging
import os
import socket
from collections.abc import Mapping
from typing import Self

_log = logging.getLogger(__name__)

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
    """Feeds systemd's watchdog from the scoring loop, while the loop meets its deadline.

    The deadline is the watchdog's own time: every block must be scored within it, counted from the
    moment its sensor handed it over. A loop stuck in one window does not feed at all; one that
    turns but is so far behind that alarms come late feeds as little. The loop wakes itself at
    least every ``interval_s``, so a dead sensor, an idle machine or a period of ten minutes starves
    nothing. A short jam is survived: it takes ``timeout_s`` without a block in time to be killed.
    """

    def __init__(self, notifier: Notifier, timeout_s: float | None) -> None:
        """Feed ``FEEDS_PER_TIMEOUT`` times per ``timeout_s``; None: no watchdog."""
        self._notifier = notifier
        self._timeout_s = timeout_s
        self.interval_s = None if timeout_s is None else timeout_s / FEEDS_PER_TIMEOUT
        self._due_s = 0.0
        self._behind = False

    def feed(self, now_s: float, handed_over_s: float | None) -> None:
        """Say that the loop is alive, if it is time and if it is.

        Args:
            now_s: monotonic.
            handed_over_s: when the block just scored was handed over; None: nothing waits.
        """
        if self.interval_s is None or self._timeout_s is None or now_s < self._due_s:
            return
        behind_s = 0.0 if handed_over_s is None else now_s - handed_over_s
        if (behind_s > self._timeout_s) != self._behind:
            self._behind = not self._behind
            if self._behind:
                _log.error("scoring is %.0f s behind: the watchdog is not fed", behind_s)
            else:
                _log.info("scoring has caught up: the watchdog is fed again")
        if not self._behind:
            self._due_s = now_s + self.interval_s
            self._notifier.send("WATCHDOG=1")


def has_terminal() -> bool:
    """Say whether SIGHUP means that the terminal has hung up, as for every program in one."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True
