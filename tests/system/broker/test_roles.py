"""Who may do what: ``deploy/mosquitto/acl`` in a real broker, by password and by certificate."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

pytestmark = pytest.mark.system

ACL = Path(__file__).parents[3] / "deploy" / "mosquitto" / "acl"
PASSWORD = "hunter2"
NAMES = ("gw-1", "gw-2", "scada", "operator", "trainer", "desired", "repo", "rollouts")
NOT_AUTHORISED = 0x87
BY = ("password", "certificate")


@dataclass
class Person:
    """A client of the broker under one name."""

    client: Client
    heard: list[str] = field(default_factory=list)
    _answers: dict[int, Any] = field(default_factory=dict)
    _answered: threading.Condition = field(default_factory=threading.Condition)

    def open(self, port: int) -> None:
        self.client.on_message = self._on_message
        self.client.on_publish = lambda _c, _d, mid, reason, _p: self._note(mid, reason)
        self.client.on_subscribe = lambda _c, _d, mid, reasons, _p: self._note(mid, reasons[0])
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.append(message.topic)

    def _note(self, mid: int, reason: Any) -> None:
        with self._answered:
            self._answers[mid] = reason
            self._answered.notify_all()

    def _reason(self, mid: int) -> int:
        with self._answered:
            assert self._answered.wait_for(lambda: mid in self._answers, 60.0)
            return int(self._answers[mid].value)

    def may_write(self, topic: str) -> bool:
        """Try to publish; the broker's answer says whether that was allowed."""
        reason = self._reason(self.client.publish(topic, b"{}", qos=1).mid)
        assert reason < 0x80 or reason == NOT_AUTHORISED
        return reason != NOT_AUTHORISED

    def hears(self, topic: str, writer: "Person") -> bool:
        """Try to receive what ``writer`` publishes; the broker may accept the subscription."""
        self._reason(self.client.subscribe(topic, 1)[1] or 0)
        n = len(self.heard)
        assert writer.may_write(topic)
        # What the broker sends in answer to this comes behind what it sent before.
        own = self.client.subscribe("edge/v1/nobody", 1)[1]
        self._reason(own or 0)
        return len(self.heard) > n

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


As = Callable[..., Person]


@pytest.fixture
def as_(make_mosquitto: Any, make_authority: Any, tmp_path: Path) -> Iterator[As]:
    """``as_(name, by="password")``: a client that is known to the broker by this name."""
    passwd = shutil.which("mosquitto_passwd", path="/usr/bin:/usr/local/bin")
    if passwd is None:
        pytest.skip("mosquitto_passwd is not installed")
    passwords = tmp_path / "passwords"
    passwords.write_text("".join(f"{name}:{PASSWORD}\n" for name in NAMES))
    subprocess.run([passwd, "-U", passwords], check=True)
    authority = make_authority()
    crt, key = authority.issue("broker")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        tls_port = probe.getsockname()[1]
    broker = make_mosquitto(
        "allow_anonymous false",
        f"password_file {passwords}",
        f"acl_file {ACL}",
        f"listener {tls_port} 127.0.0.1",
        f"cafile {authority.ca}",
        f"certfile {crt}",
        f"keyfile {key}",
        "require_certificate true",
        "use_identity_as_username true",
    )
    people: list[Person] = []

    def make(name: str, by: str = "password") -> Person:
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        if by == "password":
            client.username_pw_set(name, PASSWORD)
        else:
            own_crt, own_key = authority.issue(name)
            client.tls_set(str(authority.ca), str(own_crt), str(own_key))
        people.append(Person(client))
        people[-1].open(broker.port if by == "password" else tls_port)
        return people[-1]

    yield make
    for person in people:
        person.close()


@pytest.mark.parametrize("by", BY)
def test_a_gateway_writes_below_its_own_name_and_nowhere_else(as_: As, by: str) -> None:
    gateway = as_("gw-1", by)
    for topic in ("status", "pump-1/score", "pump-1/anomaly", "pump-1/alarm"):
        assert gateway.may_write(f"edge/v1/gw-1/{topic}")
    for topic in (
        "gw-2/status",
        "gw-2/pump-1/alarm",
        "gw-10/status",
        "desired/gw-1",
        "desired/gw-2",
        "repo/root.json",
        "rollouts/1",
    ):
        assert not gateway.may_write(f"edge/v1/{topic}")
    assert not gateway.may_write("edge/v1/gw-2/command")
    assert not gateway.may_write("edge/v2/gw-1/status")
    assert not gateway.may_write("homeassistant/sensor/gw-1/config")


@pytest.mark.parametrize("by", BY)
def test_a_gateway_hears_what_it_should_run_and_nothing_of_others(as_: As, by: str) -> None:
    gateway, operator, other = as_("gw-1", by), as_("operator"), as_("gw-2")
    assert gateway.hears("edge/v1/desired/gw-1", operator)
    assert gateway.hears("edge/v1/repo/index", operator)
    assert not gateway.hears("edge/v1/desired/gw-2", operator)
    assert not gateway.hears("edge/v1/rollouts/1", operator)
    assert gateway.hears("edge/v1/gw-1/command", operator)
    assert not gateway.hears("edge/v1/gw-2/command", operator)
    assert not gateway.hears("edge/v1/gw-2/status", other)


def test_a_viewer_hears_everything_and_commands_nothing(as_: As) -> None:
    scada, gateway = as_("scada"), as_("gw-1")
    assert scada.hears("edge/v1/gw-1/pump-1/alarm", gateway)
    for topic in (
        "gw-1/pump-1/alarm",
        "gw-1/command",
        "gw-1/reply",
        "desired/gw-1",
        "repo/root.json",
        "rollouts/1",
    ):
        assert not scada.may_write(f"edge/v1/{topic}")


def test_the_operator_commands_and_speaks_for_no_gateway(as_: As) -> None:
    operator, gateway = as_("operator"), as_("gw-1")
    for topic in ("desired/gw-1", "repo/root.json", "rollouts/1", "gw-1/command", "gw-2/command"):
        assert operator.may_write(f"edge/v1/{topic}")
    for topic in ("status", "reply", "group", "pump-1/alarm", "pump-1/label", "pump-1/command"):
        assert not operator.may_write(f"edge/v1/gw-1/{topic}")
    for topic in ("status", "reply", "reply/operator"):
        assert operator.hears(f"edge/v1/gw-1/{topic}", gateway)


def test_the_trainer_hears_features_and_labels_alone(as_: As) -> None:
    trainer, gateway = as_("trainer"), as_("gw-1")
    assert trainer.hears("edge/v1/gw-1/pump-1/features", gateway)
    assert trainer.hears("edge/v1/gw-1/pump-1/label", gateway)
    assert not trainer.hears("edge/v1/gw-1/pump-1/score", gateway)
    assert not trainer.may_write("edge/v1/gw-1/pump-1/features")


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("name", ["desired", "repo", "rollouts"])
def test_no_name_opens_the_topics_that_command(as_: As, by: str, name: str) -> None:
    person = as_(name, by)
    assert not person.may_write(f"edge/v1/{name}/gw-1")
