"""A gateway as an agent process, enrolled with a repository that lies retained on a real broker."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from brokers import Mosquitto
from fitted import GATEWAY, LINE, Gateway, enrol, wanted
from forge import Forge
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from waiting import wait_until

from edge_agent.daemon.commands.requests import Answer, AnyCommand
from edge_agent.daemon.local.client import ask
from edge_agent.daemon.status import read_report
from edge_agent.rollout.broker import Broker
from edge_agent.rollout.envelope import unseal
from edge_agent.rollout.install.journal import Journal, Standing
from edge_agent.rollout.install.place import Lines, Placed
from edge_agent.rollout.messages import REPORT_TYPE, Desire, Report, Terms, UpdateState
from edge_agent.rollout.mqtt import connected

BENCH = Path(__file__).parents[1] / "bench"
QUICK = Terms(min_windows=50, hold_s=1.0)
CONFIG = """\
gateway = "{name}"
state_dir = "state"
[mqtt]
port = {port}
[metrics]
listen = "127.0.0.1:0"
[update]
enrolment = "enrolment"
[[asset]]
name = "press-1"
bundle = "line:press"
[asset.sensor]
plugin = "bench"
[asset.sensor.options]
interval_s = 0.02
"""


@dataclass
class Site:
    """One gateway, its operator and the broker between them."""

    home: Path
    broker: Mosquitto
    reports: list[Report] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    features: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        forge = Forge()
        self.gateway = Gateway(self.home, forge, enrol(self.home / "enrolment", forge.first_root))
        self.config = self.home / "config.toml"
        self.config.write_text(CONFIG.format(name=GATEWAY, port=self.broker.port))
        self.log = self.home / "agent.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("edge/v1/#", 1)
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", self.broker.port)
        self._client.loop_start()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        if message.topic == f"edge/v1/{GATEWAY}/update" and message.payload:
            keys = [self.gateway.member.key()]
            self.reports.append(unseal(bytes(message.payload), REPORT_TYPE, Report, keys))
        elif message.topic.endswith("/score"):
            self.scores.append(json.loads(message.payload))
        elif message.topic.endswith("/features"):
            self.features.append(bytes(message.payload))

    def install(self, bundle: bytes) -> None:
        """Have a model in use before the agent is started for the first time."""
        model = wanted(bundle)
        placed = Placed(
            name=model.name, version=model.version, sha256=model.sha256, length=model.length
        )
        self.lines().activate(LINE, self.lines().place(LINE, placed, bundle))

    def kill_in(self, state: UpdateState) -> bool:
        """Wait for ``state``, and kill the agent in it; say False where it was too quick for that.

        It is stopped first, so that it can be seen to be in the state when it is killed.
        """
        assert self.process is not None
        passed = self.passed(state)
        assert wait_until(lambda: self.passed(state) > passed or self._is_in(state), look_s=0.001)
        self.process.send_signal(signal.SIGSTOP)
        if self.standing().state != state:
            self.process.send_signal(signal.SIGCONT)
            return False
        self.kill()
        return True

    def passed(self, state: UpdateState) -> int:
        """Count how often ``state`` was entered."""
        return sum(entry.state == state for entry in self.standing().history)

    def _is_in(self, state: UpdateState) -> bool:
        return self.standing().state == state

    def publish(self, *bundles: bytes) -> None:
        """Put bundles into the repository, and all of that on the broker."""
        self.gateway.publish(*bundles)
        self._send(self.gateway.forge.retained("edge/v1"))

    def want(self, *bundles: bytes, **changes: Any) -> Desire:
        """Say what the gateway should run."""
        changes = {"terms": QUICK, "issued": datetime.now(UTC)} | changes
        desire = self.gateway.desire(*bundles, **changes)
        self._send({f"edge/v1/desired/{GATEWAY}": self.gateway.forge.seal(desire)})
        return desire

    def send(self, envelope: bytes) -> None:
        self._send({f"edge/v1/desired/{GATEWAY}": envelope})

    def _send(self, messages: dict[str, bytes]) -> None:
        with connected(Broker(host="127.0.0.1", port=self.broker.port), "operator") as client:
            for topic, payload in messages.items():
                client.publish(topic, payload)
            client.flush()

    def start(self, **environment: str) -> None:
        paths = [str(BENCH), *filter(None, [os.environ.get("PYTHONPATH")])]
        more = {"PYTHONPATH": os.pathsep.join(paths), **environment}
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "edge_agent.cli.agent", "run"),
                    *("--verbose", "--config", str(self.config)),
                ],
                stdout=out,
                stderr=out,
                env={**os.environ, **more},
                start_new_session=True,
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self._client.disconnect()
        self._client.loop_stop()

    def standing(self) -> Standing:
        return Journal(self.home / "state/update").standing

    def lines(self) -> Lines:
        return Lines(self.home / "state/models")

    def sha256(self) -> str | None:
        """What the link leads to."""
        folder = self.lines().current(LINE)
        placed = None if folder is None else self.lines().placed(LINE, folder)
        return None if placed is None else placed.sha256

    def until(self, state: str, desire: Desire | None = None) -> Report:
        """Wait for a signed report of ``state``."""

        def found() -> Report | None:
            order = None if desire is None else desire.order
            return next(
                (r for r in self.reports if r.state == state and order in (None, r.answers)), None
            )

        assert wait_until(found), self.told()
        report = found()
        assert report is not None
        return report

    def scored_by(self, sha256: str, since: int = 0) -> bool:
        """Say whether the model has scored a window after the first ``since``."""
        return any(
            score["model_sha256"] == sha256 and score["score"] is not None
            for score in self.scores[since:]
        )

    def scored(self) -> int:
        """How many windows have a score by the agent's own account, broker or not."""
        return read_report(GATEWAY, self.home / "state").assets[0].scored

    def ask(self, command: AnyCommand) -> Answer:
        """Ask the agent on its own machine."""
        return ask(read_report(GATEWAY, self.home / "state"), command, 180.0)

    def told(self) -> str:
        states = [(r.state, r.reason, r.warnings) for r in self.reports]
        return f"{states}\n{msgspec.to_builtins(self.standing())}\n{self.log.read_text()}"
