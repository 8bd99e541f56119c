"""Real brokers, real subscribers, and the real agent as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

BENCH = Path(__file__).parents[1] / "bench"


@dataclass
class Heard:
    """One message as a subscriber got it."""

    topic: str
    body: dict[str, Any]
    retained: bool
    content_type: str | None
    expiry_s: int | None
    at_s: float


@dataclass
class Subscriber:
    """Hears everything below edge/v1."""

    port: int
    version: int = MQTTv5
    login: tuple[str, str] | None = None
    heard: list[Heard] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=self.version)  # type: ignore[arg-type]
        if self.login is not None:
            self._client.username_pw_set(*self.login)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("edge/v1/#", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", self.port)
        self._client.loop_start()
        assert self._subscribed.wait(60.0)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        if message.topic.endswith("/command"):
            return  # said to agents, not by them, and maybe nonsense
        properties = message.properties
        self.heard.append(
            Heard(
                message.topic,
                json.loads(message.payload or b"{}"),  # nothing takes a retained message back
                message.retain,
                getattr(properties, "ContentType", None),
                getattr(properties, "MessageExpiryInterval", None),
                time.time(),
            )
        )

    def of(self, end: str) -> list[Heard]:
        """Messages whose topic ends so, without those the broker had kept from before."""
        return [m for m in self.heard if m.topic.endswith(end) and not m.retained]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


Subscribe = Callable[..., Subscriber]


@pytest.fixture
def subscribe() -> Iterator[Subscribe]:
    """``subscribe(port, version=MQTTv5, login=None)``."""
    made: list[Subscriber] = []

    def make(port: int, version: int = MQTTv5, login: tuple[str, str] | None = None) -> Subscriber:
        made.append(Subscriber(port, version, login))
        return made[-1]

    yield make
    for subscriber in made:
        subscriber.close()


@pytest.fixture
def protocol_311() -> int:
    return int(MQTTv311)


@dataclass
class Agent:
    """``edge-agent run`` as a process."""

    config: Path
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 60.0) -> tuple[int, float]:
        """Send a signal; return the exit code and the seconds it took."""
        began_s = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(timeout_s)
        return code, time.monotonic() - began_s

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Nothing it does happens meanwhile, as where somebody must be ready before it goes on."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def said(self) -> str:
        return self.log.read_text()


StartAgent = Callable[..., Agent]

_HEAD = """\
gateway = "gw-1"
state_dir = "state"
[mqtt]
port = {port}
{mqtt}
[outbox]
{outbox}
[metrics]
{metrics}
"""
_ASSET = """
[[asset]]
name = "{name}"
bundle = "samples.edgemodel"
[asset.sensor]
plugin = "{plugin}"
on_failure = "{on_failure}"
{sensor}
[asset.sensor.options]
{options}
"""


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that finds the bench's plugins."""
    paths = [str(BENCH), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **more}


@pytest.fixture
def start_agent(bundle_file: Path) -> Iterator[StartAgent]:
    """``start_agent(port, {name: options}, mqtt="", metrics="", plugins={}, arguments=(), ...)``.

    ``options``, ``mqtt``, ``metrics`` and ``outbox`` are TOML; what else is named goes into the
    environment; ``plugins`` may name another sensor plugin for an asset, ``sensor`` adds TOML to
    its table; ``before`` is a command that runs the agent's.
    """
    started: list[Agent] = []

    def start(
        port: int,
        assets: dict[str, str],
        *,
        mqtt: str = "",
        metrics: str = 'listen = "127.0.0.1:0"',
        outbox: str = "",
        before: tuple[str, ...] = (),
        plugins: dict[str, str] | None = None,
        sensor: dict[str, str] | None = None,
        on_failure: str = "retry",
        arguments: tuple[str, ...] = (),
        **more: str,
    ) -> Agent:
        config = bundle_file.with_name("config.toml")
        tables = [
            _ASSET.format(
                name=name,
                plugin=(plugins or {}).get(name, "bench"),
                on_failure=on_failure,
                sensor=(sensor or {}).get(name, ""),
                options=options,
            )
            for name, options in assets.items()
        ]
        head = _HEAD.format(port=port, mqtt=mqtt, metrics=metrics, outbox=outbox)
        config.write_text(head + "".join(tables))
        log = bundle_file.with_name("agent.log")
        run = [sys.executable, "-m", "edge_agent.cli.agent", "run", "--config", str(config)]
        command = [*before, *run]
        with log.open("ab") as out:
            process = subprocess.Popen(
                [*command, *arguments],
                stdout=out,
                stderr=out,
                env=environment(**more),
                start_new_session=True,  # no terminal, as a daemon
            )
        started.append(Agent(config, process, log))
        return started[-1]

    yield start
    for agent in started:
        if agent.process.poll() is None:
            agent.process.kill()
            agent.process.wait()
