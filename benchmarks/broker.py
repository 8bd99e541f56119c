"""A mosquitto of our own on a free port of the loopback."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"
_START_S = 60.0


class NoBrokerError(Exception):
    """There is no broker to measure with."""


class Broker:
    """Can be stopped and started again, on the same port."""

    def __init__(self, folder: Path, lines: Sequence[str] = ()) -> None:
        """Prepare with files in ``folder``, and ``lines`` for the configuration.

        Raises:
            NoBrokerError: mosquitto is not installed.
        """
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None:
            raise NoBrokerError("mosquitto is not installed (Debian: apt-get install mosquitto)")
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port = int(free.getsockname()[1])
        given = [f"listener {self.port} {HOST}", "allow_anonymous true", "set_tcp_nodelay true"]
        given.append(f"persistence_location {folder.absolute()}/")  # where ``lines`` ask for it
        if os.geteuid() == 0:
            given.append("user root")  # else it changes to a user who may not read the folder
        config = folder / "mosquitto.conf"
        config.write_text("\n".join([*given, *lines]) + "\n")
        self._log = folder / "mosquitto.log"
        self._command = [program, "-c", str(config)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """It was started and not stopped."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """Of its process, while it is running."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start and wait until it answers. Raises NoBrokerError."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline_s = time.monotonic() + _START_S
        while time.monotonic() < deadline_s and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self.port)) == 0:
                    return
            time.sleep(0.02)
        raise NoBrokerError("mosquitto does not start")

    def stop(self) -> None:
        """Let it end in order."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None


@contextmanager
def running_broker(folder: Path) -> Iterator[int]:
    """Run mosquitto with its files in ``folder``; give its port.

    Raises:
        NoBrokerError: it is not installed or does not start.
    """
    broker = Broker(folder)
    try:
        broker.start()
        yield broker.port
    finally:
        broker.stop()
