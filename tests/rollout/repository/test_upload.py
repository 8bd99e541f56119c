"""What comes to lie on a real broker, and what a gateway gets of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from brokers import MakeMosquitto, Mosquitto
from msgspec.structs import replace
from operators import PATIENCE_S, Gateway, bundle_of, client_of, content_seen, retained, sent_by
from tuf.api.exceptions import DownloadHTTPError

from edge_agent.rollout.install.fetch import Deadline, RetainedFetcher
from edge_agent.rollout.mqtt import BrokerClient, BrokerError, connected
from edge_agent.rollout.repository.home import Home
from edge_agent.rollout.repository.repository import Repository
from edge_agent.rollout.repository.upload import (
    keep_and_publish,
    restore,
    upload,
)
from edge_agent.rollout.topics import RolloutTopics

TOPICS = RolloutTopics("edge/v1")
Site = tuple[Home, Repository, Gateway]
MakeSite = Callable[[int], Site]


def test_a_gateway_gets_from_the_broker_what_was_published(site: Site, bundle_file: Path) -> None:
    home, repository, gateway = site
    published = repository.publish(bundle_file)
    sent_by(home)
    with client_of(home) as client:
        seen = gateway.looks_at(client)
        assert content_seen(seen, published.target) == bundle_file.read_bytes()
        assert seen.operators() == repository.operators()


def test_what_lies_there_is_not_sent_again(site: Site, bundle_file: Path) -> None:
    home, repository, _ = site
    repository.publish(bundle_file)
    first = sent_by(home)
    assert first.there == first.deleted == 0
    for how in (upload, restore):
        again = sent_by(home, how)
        assert (again.sent, again.there, again.deleted) == (0, first.sent, 0)


def test_an_upload_that_is_cut_off_anywhere_goes_on_where_it_was(
    site: Site, samples_bundle: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, repository, gateway = site
    old = repository.publish(bundle_of(samples_bundle, "1.0.0", tmp_path))
    sent_by(home)
    new = repository.publish(bundle_of(samples_bundle, "1.1.0", tmp_path))
    original = BrokerClient.publish
    sent: list[str] = []

    def cut(client: BrokerClient, topic: str, payload: bytes, *, retain: bool = True) -> None:
        """Send one message, then lose the connection."""
        original(client, topic, payload, retain=retain)
        if retain:
            sent.append(topic)
            client.flush()
            raise BrokerError("the connection was lost")

    def cut_off() -> bool:
        with monkeypatch.context() as patched:
            patched.setattr(BrokerClient, "publish", cut)
            try:
                sent_by(home)
            except BrokerError:
                return True
        return False

    while cut_off():
        with client_of(home) as client:  # at any time, a gateway finds one whole repository
            seen = gateway.looks_at(client)
            assert content_seen(seen, old.target) is not None
            is_last = sent[-1] == TOPICS.metadata("timestamp.json")
            assert (seen.target(new.target) is not None) == is_last
    assert len(sent) == len(set(sent)) > 4  # nothing came twice
    assert sent[-2:] == [TOPICS.index, TOPICS.metadata("timestamp.json")]


def test_the_role_that_the_shipped_access_list_gives_operators_is_enough(
    make_site: MakeSite, make_mosquitto: MakeMosquitto, bundle_file: Path
) -> None:
    access = Path(__file__).parents[3] / "deploy" / "mosquitto" / "acl"
    broker = make_mosquitto("allow_anonymous true", f"acl_file {access}")
    home, repository, gateway = make_site(broker.port)
    settings = f'[broker]\nhost = "127.0.0.1"\nport = {broker.port}\nusername = "operator"\n'
    (home.folder / "operator.toml").write_text(settings)
    published = repository.publish(bundle_file)
    with client_of(home) as client:
        keep_and_publish(client, home, TOPICS.desired("gw-1"), b"what gw-1 should run")
        keep_and_publish(client, home, TOPICS.rollout("r1"), b"plan and progress")
        client.flush()
    sent_by(home, restore)
    assert sent_by(home, restore).sent == 0
    with connected(replace(home.broker(), username="gw-1"), "gateway") as client:
        assert content_seen(gateway.looks_at(client), published.target) is not None
        assert client.fetch(TOPICS.desired("gw-1"), PATIENCE_S) == b"what gw-1 should run"


def test_a_gateway_that_began_to_look_before_the_upload_is_not_led_astray(
    site: Site, bundle_file: Path
) -> None:
    home, repository, gateway = site
    sent_by(home)
    with client_of(home) as client:
        fetcher = RetainedFetcher(client, "edge/v1", Deadline(PATIENCE_S))
        with pytest.raises(DownloadHTTPError):
            list(fetcher.fetch("metadata/2.root.json"))  # it has read the index
        published = repository.publish(bundle_file)
        sent_by(home)
        assert content_seen(gateway.looks_by(fetcher), published.target) is not None


def test_what_was_taken_out_leaves_nothing_on_the_broker(site: Site, bundle_file: Path) -> None:
    home, repository, _ = site
    sent_by(home)
    empty = retained(home, "edge/v1/repo/targets/#")
    repository.publish(bundle_file)
    sent_by(home)
    assert len(retained(home, "edge/v1/repo/targets/#")) > len(empty)
    repository.unpublish("test-bearing", "1.0.0")
    sent_by(home)
    assert retained(home, "edge/v1/repo/targets/#") == empty


def test_no_packet_is_longer_than_the_broker_takes(
    make_site: MakeSite, make_mosquitto: MakeMosquitto, bundle_file: Path
) -> None:
    limit = 6000
    broker = make_mosquitto("allow_anonymous true", f"max_packet_size {limit}")
    home, repository, gateway = make_site(broker.port)
    published = repository.publish(bundle_file)
    sent_by(home)
    with client_of(home) as client:
        assert client.packet_bytes_max == limit
        seen = gateway.looks_at(client)
        assert content_seen(seen, published.target) == bundle_file.read_bytes()
    longest = max(len(payload) for payload in retained(home).values())
    assert limit // 2 < longest < limit
    # Done again, the smaller chunks are known by the index, and stay.
    assert sent_by(home).sent == 0


def test_packets_too_short_for_anything_are_refused_with_the_limit(
    make_site: MakeSite, make_mosquitto: MakeMosquitto
) -> None:
    broker = make_mosquitto("allow_anonymous true", "max_packet_size 900")
    home, _, _ = make_site(broker.port)
    with pytest.raises(BrokerError, match="packets of 900 bytes at most, needed: 1024"):
        sent_by(home)


def test_a_broker_of_the_old_protocol_does_too(
    make_site: MakeSite, old_broker: int, bundle_file: Path
) -> None:
    home, repository, gateway = make_site(old_broker)
    published = repository.publish(bundle_file)
    sent_by(home)
    with client_of(home) as client:
        assert content_seen(gateway.looks_at(client), published.target) == bundle_file.read_bytes()


def test_a_broker_that_drops_what_it_finds_too_long_is_an_error_whatever_it_acknowledges(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _, _ = site
    original = BrokerClient.publish

    def dropping(client: BrokerClient, topic: str, payload: bytes, *, retain: bool = True) -> None:
        if not topic.endswith("snapshot.json"):
            original(client, topic, payload, retain=retain)

    monkeypatch.setattr(BrokerClient, "publish", dropping)
    monkeypatch.setattr("edge_agent.rollout.repository.upload._KEPT_S", 0.1)
    with pytest.raises(BrokerError, match=r"1\.snapshot\.json: .* does not keep what is sent"):
        sent_by(home)


def test_an_access_list_that_refuses_the_operator_is_an_error(
    make_site: MakeSite, make_mosquitto: MakeMosquitto, tmp_path: Path
) -> None:
    access = tmp_path / "acl"
    access.write_text("topic read edge/v1/#\n")
    home, _, _ = make_site(make_mosquitto("allow_anonymous true", f"acl_file {access}").port)
    with pytest.raises(BrokerError, match="refuses a message: Not authorized"):
        sent_by(home)


def test_where_nobody_listens_that_is_said_with_the_address(
    make_site: MakeSite, mosquitto: Mosquitto
) -> None:
    home, _, _ = make_site(mosquitto.port)
    mosquitto.stop()
    with pytest.raises(BrokerError, match=rf"127\.0\.0\.1:{mosquitto.port}"):
        sent_by(home)


def test_how_far_it_is_is_told_by_bytes_of_targets(site: Site, bundle_file: Path) -> None:
    home, repository, _ = site
    repository.publish(bundle_file)
    total = sum(target.length for target in repository.targets().values())
    for _ in range(2):
        told: list[int] = []
        with client_of(home) as client:
            upload(client, home, told.append)
        assert sum(told) == total
