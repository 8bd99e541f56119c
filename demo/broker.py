"""A broker on a free port of this machine: mosquitto where it is installed, else amqtt."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from demo.failure import DemoError
from demo.processes import command, ending, running

HOST = "127.0.0.1"
_SYSTEM_FOLDER = "/usr/sbin"  # where Debian puts mosquitto, and few search
_START_S = 60.0
_ATTEMPTS = 3

# No limit on what waits for the subscriber: a replay at full speed would run into it.
_MOSQUITTO = """\
listener {port} {host}
allow_anonymous true
persistence false
max_queued_messages 0
set_tcp_nodelay true
"""


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that runs."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise DemoError where it has ended."""
        if self.process.poll() is not None:
            raise ending(self.process, f"the broker {self.name}", self.log)


@contextmanager
def running_broker(folder: Path, log: Path, *, embedded: bool = False) -> Iterator[Broker]:
    """Run a broker; its configuration goes to ``folder``.

    Args:
        folder: for files that are not needed afterwards.
        log: what the broker says.
        embedded: take amqtt even where mosquitto is installed.

    Raises:
        DemoError: there is none, or it does not start.
    """
    mosquitto = None if embedded else _mosquitto()
    if mosquitto is None and find_spec("amqtt") is None:
        raise DemoError(
            "there is no broker: install mosquitto (Debian: apt-get install mosquitto)"
            " or the extra 'demo': pip install 'edge-agent[demo]'"
        )
    with ExitStack() as stack:
        for attempts_left in reversed(range(_ATTEMPTS)):
            port = _free_port()
            name, arguments = (
                _amqtt_command(folder, port)
                if mosquitto is None
                else _mosquitto_command(mosquitto, folder, port)
            )
            with log.open("wb") as output:
                process = stack.enter_context(running(arguments, output))
            broker = Broker(name, port, process, log)
            if _answers(broker):
                yield broker
                return
            # Somebody else may have taken the port in between; the next one is free again.
            if not attempts_left:
                broker.check()
                raise DemoError(f"the broker {name} does not answer after {_START_S:g} s ({log})")


def _mosquitto() -> str | None:
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_SYSTEM_FOLDER)


def _mosquitto_command(mosquitto: str, folder: Path, port: int) -> tuple[str, list[str]]:
    config = folder / "mosquitto.conf"
    config.write_text(_MOSQUITTO.format(port=port, host=HOST))
    return "mosquitto", [mosquitto, "-c", str(config)]


def _amqtt_command(folder: Path, port: int) -> tuple[str, list[str]]:
    config = folder / "amqtt.yaml"
    settings = {
        "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
        "plugins": {
            "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
        },
    }
    config.write_text(json.dumps(settings))  # which is YAML as well
    return "amqtt", [command("amqtt"), "-c", str(config)]


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind((HOST, 0))
        port: int = asked.getsockname()[1]
        return port


def _answers(broker: Broker) -> bool:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s and broker.process.poll() is None:
        with suppress(OSError), socket.create_connection((HOST, broker.port), timeout=1.0):
            return True
        time.sleep(0.05)
    return False
