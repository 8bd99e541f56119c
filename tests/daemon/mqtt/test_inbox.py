from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.daemon.commands.bus import Origin, Respond
from edge_agent.daemon.commands.messages import Reply
from edge_agent.daemon.commands.requests import COMMAND_BYTES_MAX, AnyCommand, Model, Shelve, done
from edge_agent.daemon.mqtt import inbox as module
from edge_agent.daemon.mqtt.ear import Heard
from edge_agent.daemon.mqtt.inbox import AT_ONCE, Inbox
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.outbox.outbox import ANSWERS_MAX
from edge_agent.daemon.session import Session
from edge_agent.daemon.topics import Topics

SHELVE = Shelve(id="a", by="kim", asset="pump-1", for_s=60.0)
REPLY = "edge/v1/gw-1/reply"


class Bench:
    """An inbox, the commands that it took, and its answers by topic."""

    def __init__(self) -> None:
        self.asked: list[AnyCommand] = []
        self.outbox = Outbox(100.0)
        self.outbox.connection_began()
        self.session = Session(Topics("edge/v1", "gw-1"))
        self.inbox = Inbox(self.session, self.outbox, self._submit)

    def _submit(self, command: AnyCommand, origin: Origin, respond: Respond) -> None:
        assert origin == Origin("mqtt")
        self.asked.append(command)
        respond(done(n=len(self.asked)))

    def hear(self, payload: bytes | Shelve = SHELVE, **more: object) -> list[tuple[str, Reply]]:
        data = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        self.inbox.take(Heard(data, **more))  # type: ignore[arg-type]
        taken = list(iter(self.outbox.take, None))
        self.correlations = [out.correlation for out in taken]
        return [(out.topic, msgspec.json.decode(out.body, type=Reply)) for out in taken]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_command_is_done_and_answered(bench: Bench) -> None:
    ((topic, reply),) = bench.hear()
    assert bench.asked == [SHELVE]
    assert topic == REPLY
    assert (reply.command_id, reply.command, reply.result, reply.data) == (
        "a",
        "shelve",
        "ok",
        {"n": 1},
    )


def test_nobody_can_change_models_over_mqtt_without_a_signature(bench: Bench) -> None:
    model = Model(id="a", by="kim", action="install", path="/tmp/x", unsigned=True)  # noqa: S108
    ((_, reply),) = bench.hear(msgspec.json.encode(model))
    assert bench.asked == []
    assert (reply.result, reply.command) == ("refused", None)
    assert "'model'" in str(reply.reason)


def test_the_answer_comes_where_the_sender_listens_with_what_it_gave(bench: Bench) -> None:
    mine = f"{REPLY}/operator-7"
    ((topic, _),) = bench.hear(response_topic=mine, correlation=b"\x00\xff")
    assert (topic, bench.correlations) == (mine, [b"\x00\xff"])


@pytest.mark.parametrize(
    "topic",
    [
        "edge/v1/gw-1/status",
        "edge/v1/gw-1/pump-1/alarm",
        "edge/v1/gw-2/reply",
        "edge/v1/desired/gw-1",
        "edge/v1/gw-1/replyx",
        f"{REPLY}/#",
        f"{REPLY}/" + "x" * 300,
        "",
    ],
)
def test_no_command_makes_the_gateway_write_anywhere_else(bench: Bench, topic: str) -> None:
    ((where, reply),) = bench.hear(response_topic=topic)
    assert bench.asked == []
    assert where == REPLY
    assert reply.result == "refused"
    assert f"allowed: {REPLY} and what lies below it" in str(reply.reason)


@pytest.mark.parametrize(
    ("payload", "own_id", "reason"),
    [
        (b"", None, "no command: Input data was truncated"),
        (b"\xff\xfe", None, "no command: "),
        (b"[" * 5000, None, "no command: "),
        (b"[]", None, "no command: Expected `object`"),
        (b'{"command":"dance","id":"a","by":"kim"}', "a", "Invalid value 'dance'"),
        (b'{"command":"ack","id":"a","by":"kim"}', "a", "missing required field `asset`"),
        (b'{"command":"ack","id":"a","by":"k","asset":"../x"}', "a", "$.asset"),
        (b'{"command":"ack","id":"a","by":"k\\n","asset":"x"}', "a", "$.by"),
        (b'{"command":"ack","id":"a","by":"k","asset":"x","for":1}', "a", "unknown field `for`"),
        (b'{"command":"shelve","id":"a","by":"k","asset":"x","for_s":1e99}', "a", "$.for_s"),
        (b'{"command":"shelve","id":"a","by":"k","asset":"x","for_s":-1}', "a", "$.for_s"),
        (b" " * (COMMAND_BYTES_MAX + 1), None, f"8193 bytes, allowed: {COMMAND_BYTES_MAX}"),
    ],
)
def test_what_is_no_command_is_refused_with_a_reason(
    bench: Bench, payload: bytes, own_id: str | None, reason: str
) -> None:
    ((_, reply),) = bench.hear(payload)
    assert (reply.result, reply.command_id, bench.asked) == ("refused", own_id, [])
    assert reason in str(reply.reason)
    assert bench.inbox.state.refused == 1


def test_what_the_broker_had_kept_is_no_command_for_now(bench: Bench) -> None:
    ((_, reply),) = bench.hear(retained=True)
    assert bench.asked == []
    assert "retained" in str(reply.reason)


@pytest.mark.parametrize(
    ("age_s", "is_done"), [(-700, False), (-60, True), (60, True), (700, False)]
)
def test_a_command_of_another_time_is_refused_where_the_time_is_known(
    monkeypatch: pytest.MonkeyPatch, age_s: float, *, is_done: bool
) -> None:
    for quality in ("synchronised", "unknown"):
        monkeypatch.setattr("edge_agent.daemon.session.time_quality", lambda q=quality: q)
        bench = Bench()
        sent = datetime.now(tz=UTC) - timedelta(seconds=age_s)
        bench.hear(msgspec.structs.replace(SHELVE, sent=sent))
        assert bool(bench.asked) == (is_done or quality == "unknown")


def test_a_flood_is_refused_and_the_agent_neither_drowns_nor_answers_without_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PER_S", 1e-9)
    bench.inbox = Inbox(bench.session, bench.outbox, bench._submit)  # noqa: SLF001
    for _ in range(AT_ONCE + 1000):
        bench.inbox.take(Heard(msgspec.json.encode(SHELVE)))
    assert len(bench.asked) == AT_ONCE
    assert bench.inbox.state.refused == 1000
    assert bench.inbox.state.unanswered == AT_ONCE + 1000 - ANSWERS_MAX


def test_an_answer_that_no_broker_would_take_is_refused_instead(bench: Bench) -> None:
    def talk(_command: AnyCommand, _origin: Origin, respond: Respond) -> None:
        respond(done(lines=["x" * 1000] * 100))

    bench.inbox = Inbox(bench.session, bench.outbox, talk)
    ((_, reply),) = bench.hear()
    assert (reply.command_id, reply.result, reply.data) == ("a", "refused", {})
    assert reply.reason is not None
    assert "bytes, allowed: 65536" in reply.reason


def test_nobody_waits_for_answers_of_a_lost_connection(bench: Bench) -> None:
    bench.inbox.take(Heard(msgspec.json.encode(SHELVE)))
    bench.outbox.connection_ended()
    bench.inbox.take(Heard(msgspec.json.encode(SHELVE)))
    bench.outbox.connection_began()
    assert bench.outbox.take() is None
    assert bench.inbox.state.unanswered == 1


def test_whatever_goes_wrong_the_connection_goes_on(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("nobody is there")

    bench.inbox = Inbox(bench.session, bench.outbox, fail)
    bench.hear()
    assert "a command could not be taken" in caplog.text


def test_a_broker_that_lets_nobody_command_is_told_of_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        bench.inbox.subscribed("Not authorized")
    assert len(caplog.messages) == 1
    assert bench.inbox.state.problem == "Not authorized"
    bench.inbox.subscribed(None)
    assert bench.inbox.state.problem is None


@given(
    payload=st.binary(max_size=400), topic=st.text(max_size=40) | st.none(), retained=st.booleans()
)
def test_nothing_that_comes_is_left_without_an_answer(
    payload: bytes, topic: str | None, *, retained: bool
) -> None:
    ((where, reply),) = Bench().hear(payload, response_topic=topic, retained=retained)
    assert reply.result == "refused"
    assert where == REPLY or where.startswith(f"{REPLY}/")
