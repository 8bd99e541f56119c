"""``edge-trainer collect`` as a process, and gateways that publish what a test says."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from waiting import wait_until

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.messages import Features
from edge_agent.recordings import open_recording

NS = 10**9


def _message(start_s: float, gateway: str = "gw-1", asset: str = "pump-1", **change: Any) -> bytes:
    fields: dict[str, Any] = {
        "id": f"{gateway}/{asset}/{start_s}",
        "seq": 0,
        "session": "s",
        "gateway": gateway,
        "start": rfc3339(round(start_s * NS)),
        "end": rfc3339(round((start_s + 1) * NS)),
        "time_quality": "synchronised",
        "asset": asset,
        "index": 0,
        "unit": "g",
        "values": {"x_rms": 1.0},
        "bias": {},
        "gap": False,
        "clipped": False,
    }
    return msgspec.json.encode(Features(**(fields | change)))


MakeMessage = Callable[..., bytes]


@pytest.fixture
def message() -> MakeMessage:
    """``message(start_s, gateway="gw-1", asset="pump-1", **change)``: of one window, a payload."""
    return _message


@pytest.fixture
def noon_s() -> int:
    """Noon of 2024-10-04 in UTC, seconds."""
    return 20_000 * 86_400 + 43_200


class Gateway:
    """Publishes what a test says."""

    def __init__(
        self, port: int, protocol: int = MQTTv5, login: tuple[str, str] | None = None
    ) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=protocol)  # type: ignore[arg-type]
        if login is not None:
            self._client.username_pw_set(*login)
        self._client.max_queued_messages_set(0)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def say(self, *payloads: bytes, topic: str | None = None) -> None:
        """Publish, each to its topic unless stated, and wait until the broker has it all."""
        sent = []
        for payload in payloads:
            where = topic
            if where is None:
                body = json.loads(payload)
                where = f"edge/v1/{body['gateway']}/{body['asset']}/features"
            sent.append(self._client.publish(where, payload, qos=1))
        for info in sent:
            info.wait_for_publish(60.0)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def _gateway(
    port: int, protocol: int = MQTTv5, login: tuple[str, str] | None = None
) -> Iterator[Gateway]:
    speaker = Gateway(port, protocol, login)
    try:
        yield speaker
    finally:
        speaker.close()


OpenGateway = Callable[..., AbstractContextManager[Gateway]]


@pytest.fixture
def gateway() -> OpenGateway:
    """``with gateway(port, protocol=MQTTv5, login=None) as speaker: speaker.say(payload)``."""
    return _gateway


@dataclass
class Collecting:
    """The command as a process."""

    process: subprocess.Popen[bytes]
    folder: Path

    def said(self) -> str:
        return (self.folder / "collect.log").read_text()

    def waited_for(self, condition: Callable[[], object]) -> bool:
        """Whether ``condition`` came true in time."""
        return wait_until(condition)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def ended(self, number: int | None = None, timeout_s: float = 300.0) -> dict[str, Any]:
        """Wait for the end, after a signal where one is given; return what it counted."""
        if number is not None:
            self.process.send_signal(number)
        assert self.process.wait(timeout_s) == 0, self.said()
        counted: dict[str, Any] = json.loads((self.folder / "collect.json").read_text())
        return counted


Start = Callable[..., Collecting]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def collect(tmp_path: Path, store: Path) -> Iterator[Start]:
    """``collect(port, *arguments, wait=True)``; returns when the broker has subscribed it."""
    started: list[Collecting] = []

    def start(port: int, *arguments: str, wait: bool = True, **more: str) -> Collecting:
        command = [sys.executable, "-c", "from trainer.cli import main; main()", "collect"]
        command += ["--port", str(port), "--store", str(store), "--json", *arguments]
        log = tmp_path / "collect.log"
        connected = log.read_text().count("connected to") if log.exists() else 0
        with log.open("ab") as err, (tmp_path / "collect.json").open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=err, env={**os.environ, **more})
        started.append(Collecting(process, tmp_path))
        if wait:
            assert wait_until(
                lambda: (
                    log.read_text().count("connected to") > connected or process.poll() is not None
                )
            )
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.kill()


@pytest.fixture
def starts_in() -> Callable[[Path], list[float]]:
    """Starts of the windows of a store of one asset, in seconds, as training reads them."""

    def read(folder: Path) -> list[float]:
        return [block.start_ns / NS for block in open_recording(folder).blocks()]

    return read


@pytest.fixture
def rows_in() -> Callable[[Path], int]:
    """How many rows the files of a store hold."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'formats'")

    def count(folder: Path) -> int:
        return sum(parquet.ParquetFile(file).metadata.num_rows for file in folder.rglob("part-*"))

    return count
