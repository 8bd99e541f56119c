"""A mosquitto of our own on a free port of the loopback."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"
_START_S = 10.0


class NoBrokerError(Exception):
    """There is no broker to measure with."""


@contextmanager
def running_broker(folder: Path) -> Iterator[int]:
    """Run mosquitto with its files in ``folder``; give its port.

    Raises:
        NoBrokerError: it is not installed or does not start.
    """
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        raise NoBrokerError("mosquitto is not installed (Debian: apt-get install mosquitto)")
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = int(free.getsockname()[1])
    lines = [f"listener {port} {HOST}", "allow_anonymous true", "set_tcp_nodelay true"]
    if os.geteuid() == 0:
        lines.append("user root")  # else it changes to a user who may not read the folder
    config = folder / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n")
    with (folder / "mosquitto.log").open("wb") as log:
        process = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log)
    try:
        _wait(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.02)
    raise NoBrokerError("mosquitto does not start")
