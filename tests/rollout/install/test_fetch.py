"""By which a repository comes: a broker, a web server, a folder; each may be hostile."""

import contextlib
import subprocess
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import msgspec
import pytest
from brokers import Mosquitto, free_port
from fitted import LINE, Gateway, wanted
from web import served, serving

from edge_agent.rollout.broker import Broker
from edge_agent.rollout.child import child_command
from edge_agent.rollout.install.orders import Outcome, Said
from edge_agent.rollout.mqtt import connected
from edge_agent.rollout.topics import Index, RolloutTopics

ROOT = "plant/v1"
TOPICS = RolloutTopics(ROOT)


def over(mosquitto: Mosquitto) -> dict[str, Any]:
    broker = Broker(host="127.0.0.1", port=mosquitto.port, root=ROOT)
    return {"folder": None, "broker": broker}


def retain(mosquitto: Mosquitto, messages: dict[str, bytes]) -> None:
    with connected(Broker(host="127.0.0.1", port=mosquitto.port), "operator") as client:
        for topic, payload in messages.items():
            client.publish(topic, payload)
        client.flush()


def asked(gateway: Gateway, bundle: bytes, **changes: Any) -> Outcome:
    return gateway.prepare(gateway.forge.seal(gateway.desire(bundle)), **changes)


def still_runs(gateway: Gateway, old: bytes, outcome: Outcome, why: str) -> None:
    assert outcome.state == "failed"
    assert outcome.again
    assert why in str(outcome.reason)
    assert gateway.lines.model_file(LINE).read_bytes() == old


def test_a_model_comes_in_chunks_over_the_broker(
    gateway: Gateway, mosquitto: Mosquitto, old: bytes
) -> None:
    gateway.publish(old)
    retain(mosquitto, gateway.forge.retained(ROOT, chunk_bytes=1000))
    outcome = asked(gateway, old, **over(mosquitto))
    assert (outcome.state, outcome.reason) == ("staged", None)
    assert gateway.lines.model_file(LINE, outcome.staged[LINE]).read_bytes() == old


def test_chunks_without_end_are_cut_off(
    gateway: Gateway, mosquitto: Mosquitto, old: bytes, new: bytes
) -> None:
    gateway.run(old)
    gateway.publish(new)
    messages = gateway.forge.retained(ROOT, chunk_bytes=1000)
    index = msgspec.json.decode(messages[TOPICS.index], type=Index)
    file = next(name for name in index.targets if wanted(new).sha256 in name)
    stored = msgspec.structs.replace(index.targets[file], chunks=10**9)
    index.targets[file] = stored
    messages[TOPICS.index] = msgspec.json.encode(index)
    honest = -(-len(new) // 1000)
    messages |= {TOPICS.chunk(file, honest + n): bytes(1000) for n in range(3)}
    retain(mosquitto, messages)
    outcome = asked(gateway, new, **over(mosquitto))
    still_runs(gateway, old, outcome, "exceeding the maximum allowed length")


def test_empty_chunks_without_end_are_refused(
    gateway: Gateway, mosquitto: Mosquitto, old: bytes, new: bytes
) -> None:
    """An empty retained message is none: what is waited for never comes."""
    gateway.run(old)
    gateway.publish(new)
    messages = gateway.forge.retained(ROOT)
    kept = {topic: body for topic, body in messages.items() if wanted(new).sha256 not in topic}
    retain(mosquitto, kept)
    outcome = asked(gateway, new, **over(mosquitto), timeout_s=1.0)
    still_runs(gateway, old, outcome, "not done in 1 s")


def test_a_broker_that_never_answers_is_not_waited_for_beyond_the_deadline(
    gateway: Gateway, mosquitto: Mosquitto, old: bytes, new: bytes
) -> None:
    gateway.run(old)
    outcome = asked(gateway, new, **over(mosquitto), timeout_s=1.0)
    still_runs(gateway, old, outcome, "not done in 1 s")


@pytest.mark.parametrize("index", [b"{}", b'{"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}"])
def test_a_broker_whose_index_is_none_is_refused(
    gateway: Gateway, mosquitto: Mosquitto, old: bytes, new: bytes, index: bytes
) -> None:
    gateway.run(old)
    retain(mosquitto, {TOPICS.index: index})
    still_runs(gateway, old, asked(gateway, new, **over(mosquitto)), "not to be had: index: ")


def test_a_broker_that_is_not_there_is_a_reason(gateway: Gateway, old: bytes, new: bytes) -> None:
    gateway.run(old)
    broker = Broker(host="127.0.0.1", port=free_port(), root=ROOT)
    outcome = asked(gateway, new, folder=None, broker=broker)
    still_runs(gateway, old, outcome, "Connection refused")


def test_what_the_broker_refuses_to_be_heard_is_a_reason(
    gateway: Gateway, make_mosquitto: Any, tmp_path: Path, old: bytes, new: bytes
) -> None:
    gateway.run(old)
    acl = tmp_path / "acl"
    acl.write_text("topic read other/#\n")
    acl.chmod(0o600)
    mosquitto = make_mosquitto("allow_anonymous true", f"acl_file {acl}")
    outcome = asked(gateway, new, **over(mosquitto), timeout_s=1.0)
    assert (outcome.state, outcome.again) == ("failed", True)


def test_a_model_comes_from_a_web_server(gateway: Gateway, old: bytes) -> None:
    gateway.publish(old)
    folder = gateway.forge.export(gateway.home / "www")
    with serving(folder) as url:
        outcome = asked(gateway, old, folder=None, url=url)
    assert (outcome.state, outcome.reason) == ("staged", None)


@pytest.mark.system
def test_a_web_server_that_trickles_is_not_waited_for_beyond_the_deadline(
    gateway: Gateway, old: bytes, new: bytes
) -> None:
    gateway.run(old)
    over_and_out = threading.Event()

    class Trickling(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "root" in self.path:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", "10000")
            self.end_headers()
            with contextlib.suppress(OSError):
                while not over_and_out.wait(0.1):
                    self.wfile.write(b" ")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as above
            pass

    with served(Trickling) as url:
        envelope = gateway.forge.seal(gateway.desire(new))
        order = gateway.order(envelope, folder=None, url=url, timeout_s=3.0)
        (*_, outcome) = in_a_process(order)
        over_and_out.set()
    assert isinstance(outcome, Outcome)
    still_runs(gateway, old, outcome, "not done in")


@pytest.mark.system
def test_the_process_says_every_state_and_ends_with_the_outcome(
    gateway: Gateway, old: bytes
) -> None:
    gateway.publish(old)
    said = in_a_process(gateway.order(gateway.forge.seal(gateway.desire(old))))
    assert [one.state for one in said] == ["downloading", "verifying", "staged"]
    assert isinstance(said[-1], Outcome)
    assert gateway.lines.is_whole(LINE, said[-1].staged[LINE])


def in_a_process(order: msgspec.Struct) -> list[Said]:
    ended = subprocess.run(
        child_command("edge_agent.rollout.install.prepare"),
        input=msgspec.json.encode(order),
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return [msgspec.json.decode(line, type=Said) for line in ended.stdout.splitlines()]
