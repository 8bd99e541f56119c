"""Whatever an operator does in whatever order, gateways get what is published and nothing else."""

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from operators import Gateway, bundle_of, content_seen, home_at, passphrase, repository_in
from paho.mqtt.client import topic_matches_sub

from edge_agent.rollout.mqtt import BrokerError
from edge_agent.rollout.repository.repository import ConflictError, Repository
from edge_agent.rollout.repository.upload import keep_and_publish, restore, upload
from edge_agent.rollout.topics import RolloutTopics

TOPICS = RolloutTopics("edge/v1")
VERSIONS = ("1.0.0", "1.1.0", "2.0.0")
KEYS = ("online", "root-1", "root-2")


class Retained:
    """The part of a broker that remembers, and a connection that may be cut."""

    def __init__(self) -> None:
        self.messages: dict[str, bytes] = {}
        self.payload_max: int | None = None
        self.sends_left: int | None = None

    def payload_bytes_max(self, _topic: str) -> int | None:
        return self.payload_max

    packet_bytes_max = None

    def publish(self, topic: str, payload: bytes, *, retain: bool = True) -> None:
        assert self.payload_max is None or len(payload) <= self.payload_max
        if self.sends_left is not None:
            if self.sends_left == 0:
                raise BrokerError("the connection was lost")
            self.sends_left -= 1
        self.messages.pop(topic, None)
        if payload and retain:
            self.messages[topic] = payload

    def flush(self) -> None:
        """All is there at once."""

    def collect(self, pattern: str, _fence: str) -> dict[str, bytes]:
        return {t: p for t, p in self.messages.items() if topic_matches_sub(pattern, t)}

    def fetch(self, topic: str, _timeout_s: float) -> bytes | None:
        return self.messages.get(topic)


class Histories(RuleBasedStateMachine):
    """An operator, a broker and a gateway over months."""

    files: dict[str, Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp())
        self.home = home_at(self.folder / "home", 1883)
        self.repository: Repository = repository_in(self.home)
        self.repository.init()
        self.gateway = Gateway(self.folder / "gateway", self.repository.roles.root_bytes())
        self.broker = cast("Any", Retained())
        self.published: set[str] = set()
        self.generation = 0
        self.desires: dict[str, bytes] = {}
        upload(self.broker, self.home)

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(version=st.sampled_from(VERSIONS))
    def publish(self, version: str) -> None:
        self.repository.publish(self.files[version])
        self.published.add(version)

    @rule(version=st.sampled_from(VERSIONS))
    def unpublish(self, version: str) -> None:
        if version in self.published:
            self.repository.unpublish("test-bearing", version)
            self.published.remove(version)
        else:
            with pytest.raises(ConflictError):
                self.repository.unpublish("test-bearing", version)

    @rule(name=st.sampled_from(KEYS), is_lost=st.booleans())
    def replace_key(self, name: str, *, is_lost: bool) -> None:
        if is_lost:
            (self.home.keys / f"{name}.pem").unlink()
            self.open_again()
        self.repository.rotate(name)
        if name == "online":
            self.generation = self.repository.roles.root().signed.version - 1

    @rule()
    def open_again(self) -> None:
        self.repository = Repository(self.home, passphrase)

    @rule(root=st.booleans())
    def refresh(self, *, root: bool) -> None:
        self.repository.refresh(root=root)

    @rule(gateway=st.sampled_from(("gw-1", "gw-2")), desire=st.binary(max_size=3))
    def desire(self, gateway: str, desire: bytes) -> None:
        keep_and_publish(self.broker, self.home, TOPICS.desired(gateway), desire)
        self.desires[TOPICS.desired(gateway)] = desire

    @rule(payload_max=st.sampled_from((None, 2000, 30_000)))
    def move_to_another_broker(self, payload_max: int | None) -> None:
        self.broker = cast("Any", Retained())
        self.broker.payload_max = payload_max
        self.send(restore)

    @rule(topics=st.sets(st.integers(0, 60), max_size=20))
    def lose_messages(self, topics: set[int]) -> None:
        names = sorted(self.broker.messages)
        for name in {names[i % len(names)] for i in topics}:
            del self.broker.messages[name]
        self.send(restore)

    @rule(sends=st.integers(0, 40), how=st.sampled_from((upload, restore)))
    def send_with_cuts(self, sends: int, how: Callable[..., Any]) -> None:
        self.broker.sends_left = sends
        try:
            how(self.broker, self.home)
        except BrokerError:
            # At any time, what is there is one whole repository, the old one or the new one.
            self.gateway.looks_at(self.broker)
        self.broker.sends_left = None
        self.send(how)

    def send(self, how: Callable[..., Any]) -> None:
        how(self.broker, self.home)
        assert how(self.broker, self.home).sent == 0

    @invariant()
    def the_gateway_gets_what_is_published_and_nothing_else_lies_on_the_broker(self) -> None:
        upload(self.broker, self.home)
        seen = self.gateway.looks_at(self.broker)
        for version in VERSIONS:
            got = content_seen(seen, f"test-bearing/test-bearing-{version}.edgemodel")
            file = self.files[version]
            assert got == (file.read_bytes() if version in self.published else None)
        operators = seen.operators()
        assert operators.generation == self.generation
        (signer,) = self.repository.online_signers()
        assert set(operators.keys) == {signer.public_key.keyid}
        messages = self.broker.messages
        names = {topic.split("/")[4] for topic in messages if "/repo/targets/" in topic}
        assert len(names) == len(self.published) + 1
        desires = {topic: said for topic, said in messages.items() if "/desired/" in topic}
        assert desires == {topic: said for topic, said in self.desires.items() if said}


def test_whatever_an_operator_does_gateways_get_what_is_published_and_nothing_else(
    samples_bundle: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)
    Histories.files = {
        version: bundle_of(samples_bundle, version, tmp_path) for version in VERSIONS
    }
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=10, stateful_step_count=8, deadline=None)
    )
