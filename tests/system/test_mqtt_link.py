"""The MQTT thread against brokers of all sorts: old, refusing, silent, encrypted."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from waiting import wait_until

from edge_agent.daemon.birth import Herald
from edge_agent.daemon.commands.requests import done
from edge_agent.daemon.config.settings import Mqtt, OutboxSettings
from edge_agent.daemon.ledger import MessageCounts, violations
from edge_agent.daemon.messages import ModelState
from edge_agent.daemon.mqtt import link as mqtt_module
from edge_agent.daemon.mqtt.inbox import Inbox
from edge_agent.daemon.mqtt.link import MqttLink
from edge_agent.daemon.outbox import Entry, Outbox, Store
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.session import Session
from edge_agent.daemon.topics import Topics

pytestmark = pytest.mark.system

CONNECT, PUBLISH, DISCONNECT = 0x10, 0x30, 0xE0


class Rig:
    """A link with what it needs around it."""

    def __init__(self, settings: Mqtt, password: str | None, folder: Path) -> None:
        self.outbox = Outbox(1000.0)
        self.store = Store(self.outbox, OutboxSettings(), folder)
        self.session = Session(Topics("edge/v1", "gw-1"))
        records = [AssetRecord("pump-1", "bench")]
        herald = Herald(self.session, records, self.outbox, self.store, {})
        topic = self.session.topics.status
        self.link = MqttLink(
            settings,
            password,
            self.outbox,
            topic,
            herald.will,
            herald.connected,
            herald.leaving,
            Inbox(self.session, self.outbox, lambda _command, _origin, respond: respond(done())),
        )
        self.store.start()
        self.link.start()

    @property
    def counts(self) -> MessageCounts:
        return self.store.ledger.snapshot().total()

    def put(self, seq: int) -> None:
        envelope = self.session.envelope("edge/v1/gw-1/pump-1/score", str(seq), 0, 0)
        message = ModelState(
            asset="pump-1", name="n", version="1.0.0", sha256="", begun="empty", **envelope
        )
        topic = "edge/v1/gw-1/pump-1/score"
        self.outbox.put(Entry("pump-1", messages=[("score", topic, message)]))

    def stop(self) -> None:
        self.link.stop(0.5)
        self.store.stop(2.0)


RigMaker = Callable[..., Rig]


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RigMaker]:
    """``rig(port, **settings)``, with short waits."""
    monkeypatch.setattr(mqtt_module, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(mqtt_module, "LONGEST_WAIT_S", 0.1)
    rigs: list[Rig] = []

    def make(port: int, password: str | None = None, **settings: Any) -> Rig:
        given = Mqtt(port=port, client_id="edge-agent-gw-1", **settings)
        rigs.append(Rig(given, password, tmp_path))
        return rigs[-1]

    yield make
    for made in rigs:
        made.stop()


class Scripted:
    """A broker of few words: answers each CONNECT by its protocol level, then notes what comes."""

    def __init__(self, answers: dict[int, bytes | None]) -> None:
        self.levels: list[int] = []
        self.packets: list[int] = []
        self._answers = answers
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        # accept() does not notice that its socket was closed; a last client wakes it.
        self._answers = {}
        with socket.socket() as last:
            last.connect(("127.0.0.1", self.port))
        self._thread.join(60.0)
        self._server.close()

    def _serve(self) -> None:
        while self._answers:
            connection, _ = self._server.accept()
            with connection:
                connection.settimeout(60.0)
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        first = connection.recv(4096)
        if not first:
            return
        level = first[first.index(b"MQTT") + 4]
        self.levels.append(level)
        answer = self._answers.get(level)
        if answer is None:
            return
        connection.sendall(answer)
        waiting = b""
        while came := connection.recv(4096):  # may hold several packets, or a part of one
            waiting += came
            while (length := _packet_length(waiting)) is not None:
                self.packets.append(waiting[0] & 0xF0)
                waiting = waiting[length:]


def _packet_length(waiting: bytes) -> int | None:
    """Return the length of the first MQTT packet, headers included; None where it is not whole."""
    remaining = 0
    for i, byte in enumerate(waiting[1:5]):
        remaining |= (byte & 0x7F) << 7 * i
        if not byte & 0x80:
            whole = 2 + i + remaining
            return whole if len(waiting) >= whole else None
    return None


@pytest.fixture
def scripted() -> Iterator[Callable[[dict[int, bytes | None]], Scripted]]:
    made: list[Scripted] = []

    def make(answers: dict[int, bytes | None]) -> Scripted:
        made.append(Scripted(answers))
        return made[-1]

    yield make
    for broker in made:
        broker.close()


ACCEPTED_311 = b"\x20\x02\x00\x00"


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(b"\x20\x02\x00\x01", id="in the old way"),
        pytest.param(b"\x20\x03\x00\x84\x00", id="in the new way"),
        pytest.param(None, id="by hanging up"),
    ],
)
def test_whoever_does_not_speak_version_5_is_asked_at_once_in_311(
    rig: RigMaker, scripted: Callable[..., Scripted], refusal: bytes | None
) -> None:
    broker = scripted({5: refusal, 4: ACCEPTED_311})
    link = rig(broker.port).link
    assert wait_until(lambda: link.state.connected)
    assert broker.levels == [5, 4]
    assert link.state.protocol == "3.1.1"
    assert wait_until(lambda: PUBLISH in broker.packets)
    link.stop(0.3)


def test_whoever_speaks_neither_is_asked_in_both_again_and_again(
    rig: RigMaker, scripted: Callable[..., Scripted]
) -> None:
    broker = scripted({5: None, 4: None})
    link = rig(broker.port).link
    assert wait_until(lambda: len(broker.levels) >= 4)
    assert broker.levels[:4] == [5, 4, 5, 4]
    link.stop(0.1)
    assert "MQTT" in (link.state.error or "")


def test_a_refusal_for_another_reason_is_no_matter_of_the_version(
    rig: RigMaker, scripted: Callable[..., Scripted]
) -> None:
    broker = scripted({5: b"\x20\x03\x00\x87\x00"})
    link = rig(broker.port).link
    assert wait_until(lambda: len(broker.levels) >= 3)
    assert set(broker.levels) == {5}
    assert "Not authorized" in (link.state.error or "")
    link.stop(0.1)


def test_no_more_is_in_flight_than_the_broker_takes(
    rig: RigMaker, scripted: Callable[..., Scripted]
) -> None:
    # CONNACK with property 0x21, Receive Maximum, of 3; no publish is ever acknowledged.
    broker = scripted({5: b"\x20\x06\x00\x00\x03\x21\x00\x03"})
    made = rig(broker.port)
    assert wait_until(lambda: made.link.state.connected)
    for seq in range(10):
        made.put(seq)
    assert wait_until(lambda: len(made.outbox._in_flight) == 3)  # noqa: SLF001
    time.sleep(0.5)
    assert len(made.outbox._in_flight) == 3  # noqa: SLF001 - and no more
    made.link.stop(0.1)
    assert wait_until(lambda: made.counts.pending == 10)


def test_what_was_in_flight_when_the_connection_broke_is_sent_again(
    make_mosquitto: Any, rig: RigMaker, subscribe: Any
) -> None:
    broker = make_mosquitto("allow_anonymous true")
    made = rig(broker.port)
    assert wait_until(lambda: made.link.state.connected)
    broker.stop()
    for seq in range(200):
        made.put(seq)
    assert wait_until(lambda: not made.link.state.connected)
    broker.start()
    ears = subscribe(broker.port)
    assert wait_until(lambda: made.link.state.connections >= 2)
    assert wait_until(lambda: made.outbox.is_settled)
    heard = {m.body["seq"] for m in ears.heard if m.topic.endswith("/score")}
    # Between the broker's start and the subscription some may have passed unheard, none twice.
    assert heard <= set(range(200))
    assert wait_until(lambda: made.counts.acknowledged == 200)
    assert violations(made.store.ledger.snapshot()) == []


def test_a_message_arrives_at_once(mosquitto: Any, rig: RigMaker, subscribe: Any) -> None:
    made = rig(mosquitto.port)
    ears = subscribe(mosquitto.port)
    assert wait_until(lambda: made.link.state.connected)

    def has_heard(n: int) -> bool:
        return len(ears.of("/score")) >= n

    def median_delay_s() -> float:
        delays_s: list[float] = []
        for _ in range(30):
            seq = len(ears.of("/score"))
            put_s = time.time()
            made.put(seq)
            assert wait_until(partial(has_heard, seq + 1))
            delays_s.append(ears.of("/score")[-1].at_s - put_s)
            time.sleep(0.01)
        return sorted(delays_s)[len(delays_s) // 2]

    # Nagle's algorithm or a polling loop would show as 40 ms or more, however often it is tried; a
    # busy machine leaves a moment now and then.
    assert wait_until(lambda: median_delay_s() < 0.02)


def test_nobody_listens_and_it_is_tried_again(rig: RigMaker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    link = rig(port).link
    assert wait_until(lambda: "Connection refused" in (link.state.error or ""))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and certificates of the broker (127.0.0.1) and of gw-1."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificates")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    run("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca")
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("broker", "gw-1"):
        run("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san")
        run("x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.crt")
    for key in folder.glob("*.key"):
        key.chmod(0o600)
    return folder


def test_tls_with_a_certificate_of_its_own(
    make_mosquitto: Any, rig: RigMaker, certificates: Path
) -> None:
    broker = make_mosquitto(
        f"cafile {certificates}/ca.crt",
        f"certfile {certificates}/broker.crt",
        f"keyfile {certificates}/broker.key",
        "require_certificate true",
        "use_identity_as_username true",
    )
    made = rig(
        broker.port,
        tls=True,
        ca_file=str(certificates / "ca.crt"),
        cert_file=str(certificates / "gw-1.crt"),
        key_file=str(certificates / "gw-1.key"),
    )
    assert wait_until(lambda: made.link.state.connected), made.link.state.error
    for seq in range(300):
        made.put(seq)
    assert wait_until(lambda: made.outbox.is_settled)


def test_a_broker_without_a_trusted_certificate_is_not_spoken_to(
    make_mosquitto: Any, rig: RigMaker, certificates: Path
) -> None:
    broker = make_mosquitto(
        f"certfile {certificates}/broker.crt",
        f"keyfile {certificates}/broker.key",
        "allow_anonymous true",
    )
    made = rig(broker.port, "hunter2", tls=True, username="gw-1")
    assert wait_until(lambda: "certificate verify failed" in (made.link.state.error or ""))
    assert made.link.state.connections == 0


def test_the_will_is_a_whole_message(rig: RigMaker, scripted: Callable[..., Scripted]) -> None:
    made = rig(scripted({5: None, 4: None}).port)
    herald = Herald(made.session, [], made.outbox, made.store, {})
    will = msgspec.json.decode(msgspec.json.encode(herald.will()))
    assert (will["state"], will["reason"]) == ("offline", "connection lost")
    made.link.stop(0.1)
