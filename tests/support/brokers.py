"""Real brokers on the loopback, for every test that needs one."""

import asyncio
import gc
import os
import shutil
import socket
import subprocess
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest
from waiting import wait_until

PATIENCE_S = 60.0  # only a failure waits for all of it
_MOSQUITTO = shutil.which("mosquitto") or shutil.which(
    "mosquitto", path="/usr/sbin:/usr/local/sbin"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A mosquitto on a free port of the loopback; can be stopped and started again."""

    def __init__(self, folder: Path, *extra: str) -> None:
        self.port = free_port()
        self._folder = folder
        lines = (f"listener {self.port} 127.0.0.1", *(extra or ("allow_anonymous true",)))
        self.configuration = folder / "mosquitto.conf"
        self.configuration.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        assert _MOSQUITTO is not None
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [_MOSQUITTO, "-v", "-c", str(self.configuration)],
                stdout=log,
                stderr=log,
            )
        assert wait_until(self._answers), (self._folder / "mosquitto.log").read_text()
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


MakeMosquitto = Callable[..., Mosquitto]


@pytest.fixture
def make_mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeMosquitto]:
    """``make_mosquitto(*configuration lines)``: a running broker, anonymous without lines."""
    if _MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    made: list[Mosquitto] = []

    def make(*extra: str) -> Mosquitto:
        # mosquitto gives up root for a user that could not read a folder below pytest's.
        folder = tmp_path_factory.mktemp("mosquitto")
        made.append(Mosquitto(folder, *extra, *(("user root",) if os.geteuid() == 0 else ())))
        return made[-1].start()

    yield make
    for broker in made:
        broker.stop()


@pytest.fixture
def mosquitto(make_mosquitto: MakeMosquitto) -> Mosquitto:
    return make_mosquitto("allow_anonymous true")


@pytest.fixture
def old_broker() -> Iterator[int]:
    """The port of a broker that speaks MQTT 3.1.1 only."""
    amqtt_broker = pytest.importorskip("amqtt.broker", reason="needs the extra 'demo'")
    port = free_port()
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    up, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        broker = amqtt_broker.Broker(config)
        await broker.start()
        up.set()
        await stop.wait()
        await broker.shutdown()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert up.wait(PATIENCE_S)
    yield port
    loop.call_soon_threadsafe(stop.set)
    thread.join(PATIENCE_S)
    with warnings.catch_warnings():
        # amqtt forgets to close some connections: that is told of here, and is no test's fault.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
