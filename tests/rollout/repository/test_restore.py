"""What a broker has lost, was told by others, or holds that is newer."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from brokers import MakeMosquitto, Mosquitto
from operators import (
    Gateway,
    bundle_of,
    client_of,
    content_seen,
    home_at,
    repository_in,
    retained,
    sent_by,
)

from edge_agent.rollout.mqtt import BrokerClient
from edge_agent.rollout.repository.home import Home, HomeError
from edge_agent.rollout.repository.repository import Repository
from edge_agent.rollout.repository.upload import (
    keep_and_publish,
    kept_messages,
    restore,
)
from edge_agent.rollout.topics import RolloutTopics

TOPICS = RolloutTopics("edge/v1")
Site = tuple[Home, Repository, Gateway]
MakeSite = Callable[[int], Site]


def test_a_broker_that_was_wiped_is_restored_with_all_that_lay_there(
    site: Site, mosquitto: Mosquitto, bundle_file: Path
) -> None:
    home, repository, gateway = site
    published = repository.publish(bundle_file)
    sent_by(home)
    with client_of(home) as client:
        keep_and_publish(client, home, TOPICS.desired("gw-1"), b"what gw-1 should run")
        keep_and_publish(client, home, TOPICS.desired("gw-2"), b"what gw-2 should run")
        keep_and_publish(client, home, TOPICS.desired("gw-2"), b"")
        keep_and_publish(client, home, TOPICS.rollout("r1"), b"plan and progress")
        client.flush()
    everything = retained(home, "edge/v1/#")
    mosquitto.stop()
    mosquitto.start()
    assert retained(home, "edge/v1/#") == {}
    sent_by(home, restore)
    assert retained(home, "edge/v1/#") == everything
    assert TOPICS.desired("gw-1") in everything
    assert TOPICS.desired("gw-2") not in everything
    with client_of(home) as client:
        assert content_seen(gateway.looks_at(client), published.target) is not None


def test_what_a_controller_sends_meanwhile_is_newer_than_what_is_restored(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _, _ = site
    with client_of(home) as controller:
        for gateway in ("gw-1", "gw-2"):
            keep_and_publish(controller, home, TOPICS.desired(gateway), b"old")
        controller.publish(TOPICS.desired("gw-1"), b"")  # the broker has lost one
        controller.flush()
        original = BrokerClient.collect

        def collect(client: BrokerClient, pattern: str, *given: Any) -> dict[str, bytes]:
            found = original(client, pattern, *given)
            if pattern == TOPICS.desired("+"):
                keep_and_publish(controller, home, TOPICS.desired("gw-1"), b"new")
                keep_and_publish(controller, home, TOPICS.desired("gw-2"), b"")
                controller.flush()
            return found

        with monkeypatch.context() as patched:
            patched.setattr(BrokerClient, "collect", collect)
            sent_by(home, restore)
    assert retained(home, TOPICS.desired("+")) == {TOPICS.desired("gw-1"): b"new"}


def test_restoring_fills_the_holes_and_touches_nothing_else(site: Site, bundle_file: Path) -> None:
    home, repository, _ = site
    repository.publish(bundle_file)
    sent_by(home)
    before = retained(home)
    lost = next(topic for topic in before if topic.endswith(".edgemodel/0"))
    strange = TOPICS.chunk("00.left-over.edgemodel", 0)
    with client_of(home) as client:
        client.publish(lost, b"")
        client.publish(strange, b"of a command that was cut off")
        client.flush()
    done = sent_by(home, restore)
    assert (done.sent, done.deleted) == (1, 1)
    assert retained(home) == before


def test_an_old_copy_of_the_folder_does_not_undo_what_was_published_since(
    site: Site, samples_bundle: bytes, tmp_path: Path
) -> None:
    home, repository, gateway = site
    shutil.copytree(home.folder, tmp_path / "copy")
    copy = Home(tmp_path / "copy", "bert")
    published = repository.publish(bundle_of(samples_bundle, "1.0.0", tmp_path))
    sent_by(home)
    before = retained(home)
    # Behind, ...
    with pytest.raises(HomeError, match="an old copy of the folder"):
        sent_by(copy)
    # ... of the same version, but another content, ...
    repository_in(copy).publish(bundle_of(samples_bundle, "2.0.0", tmp_path))
    with pytest.raises(HomeError, match="one of two that are in use"):
        sent_by(copy, restore)
    assert retained(home) == before
    # ... or ahead: then it is the other one that stays behind.
    with client_of(home) as client:
        assert content_seen(gateway.looks_at(client), published.target) is not None


def test_a_timestamp_that_is_not_ours_stops_no_upload(
    site: Site, tmp_path: Path, bundle_file: Path
) -> None:
    home, repository, _ = site
    other = home_at(tmp_path / "other", 1883)
    stranger = repository_in(other)
    stranger.init()
    for name in ("online", "root-1"):
        stranger.rotate(name)
    stranger.publish(bundle_file)
    strange = (other.metadata / "timestamp.json").read_bytes()
    # Our own, signed by the same key, but for another purpose.
    targets = (home.metadata / "1.targets.json").read_bytes()
    for payload in (strange, targets, b"{}", b"\xff"):
        with client_of(home) as client:
            client.publish(TOPICS.metadata("timestamp.json"), payload)
            client.flush()
        sent_by(home)
        ours = (home.metadata / "timestamp.json").read_bytes()
        assert retained(home)[TOPICS.metadata("timestamp.json")] == ours
    assert repository.models() == []


def test_a_stolen_key_that_counted_to_the_end_is_outdone_by_the_next_one(
    site: Site, bundle_file: Path
) -> None:
    home, repository, gateway = site
    sent_by(home)
    (stolen,) = repository.online_signers()
    forged = repository.roles.timestamp()
    forged.signed.version = 2**31
    forged.sign(stolen)
    with client_of(home) as client:
        client.publish(TOPICS.metadata("timestamp.json"), forged.to_bytes())
        client.flush()
        gateway.looks_at(client)  # it believes the stolen key
    with pytest.raises(HomeError, match="newer metadata signed by the same keys"):
        sent_by(home)
    repository.rotate("online")
    published = repository.publish(bundle_file)
    sent_by(home)
    with client_of(home) as client:
        assert content_seen(gateway.looks_at(client), published.target) is not None


@pytest.mark.parametrize("index", [b"\xff{}", b'{"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}"])
def test_an_index_that_says_anything_is_replaced(
    site: Site, bundle_file: Path, index: bytes
) -> None:
    home, repository, gateway = site
    published = repository.publish(bundle_file)
    sent_by(home)
    with client_of(home) as client:
        client.publish(TOPICS.index, index)
        client.flush()
    assert sent_by(home).sent == 1
    with client_of(home) as client:
        assert content_seen(gateway.looks_at(client), published.target) is not None


def test_on_a_broker_that_takes_less_than_before_chunks_become_smaller(
    make_site: MakeSite, make_mosquitto: MakeMosquitto, bundle_file: Path, tmp_path: Path
) -> None:
    home, repository, gateway = make_site(make_mosquitto("allow_anonymous true").port)
    published = repository.publish(bundle_file)
    sent_by(home)
    smaller = make_mosquitto("allow_anonymous true", "max_packet_size 6000")
    (home.folder / "operator.toml").write_text(
        f'[broker]\nhost = "127.0.0.1"\nport = {smaller.port}\n'
    )
    sent_by(home, restore)
    with client_of(home) as client:
        assert content_seen(gateway.looks_at(client), published.target) is not None


def test_only_what_lies_below_the_root_is_kept(site: Site) -> None:
    home, _, _ = site
    with client_of(home) as client:
        for topic in ("other/desired/gw-1", "edge/v1/repo"):
            with pytest.raises(HomeError, match="two levels or more below edge/v1"):
                keep_and_publish(client, home, topic, b"x")
    assert not kept_messages(home)
