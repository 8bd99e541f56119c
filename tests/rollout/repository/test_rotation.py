"""Keys that are replaced, lost and stolen."""

from pathlib import Path

import pytest
from operators import Gateway, bundle_of, content_seen, home_in, passphrase, repository_in

from edge_agent.rollout.envelope import EnvelopeError, seal, unseal
from edge_agent.rollout.messages import Operators
from edge_agent.rollout.repository.home import Home
from edge_agent.rollout.repository.keys import KeyFileError
from edge_agent.rollout.repository.repository import ConflictError, Holders, Repository


def exported(home: Home) -> Path:
    return home.folder / "repository"


def test_a_lost_root_key_is_replaced_with_the_other_one(
    home: Home, gateway: Gateway, bundle_file: Path
) -> None:
    (home.keys / "root-1.pem").unlink()
    repository = repository_in(home)
    repository.rotate("root-1")
    published = repository.publish(bundle_file)
    assert content_seen(gateway.looks_into(exported(home)), published.target) is not None
    # And now the other one is lost.
    (home.keys / "root-2.pem").unlink()
    repository_in(home).rotate("root-2")
    assert gateway.looks_into(exported(home)).target(published.target) is not None
    assert len(repository.roles.root().signed.roles["root"].keyids) == 2


def test_without_any_root_key_nothing_is_replaced_and_it_is_said_what_is_missing(
    home: Home,
) -> None:
    for name in ("root-1", "root-2"):
        (home.keys / f"{name}.pem").unlink()
    with pytest.raises(KeyFileError, match=r"root: 0 of its 2 keys .* needed: 1: .*root-1\.pem"):
        repository_in(home).rotate("root-1")
    repository = repository_in(home)
    assert repository.roles.root().signed.version == 1
    assert repository.online_signers()


def test_with_a_threshold_of_two_one_of_three_may_be_lost_but_not_two(tmp_path: Path) -> None:
    home = home_in(tmp_path / "shared")
    repository = repository_in(home)
    repository.init(Holders(root_keys=3, root_threshold=2))
    gateway = Gateway(tmp_path / "gateway", repository.roles.root_bytes())
    (home.keys / "root-2.pem").unlink()
    repository_in(home).rotate("root-2")
    gateway.looks_into(exported(home))
    for name in ("root-1", "root-3"):
        (home.keys / f"{name}.pem").unlink()
    with pytest.raises(KeyFileError, match="root: 1 of its 3 keys"):
        repository_in(home).rotate("root-1")


def test_the_key_that_is_replaced_can_sign_nothing_any_more(home: Home, gateway: Gateway) -> None:
    repository = repository_in(home)
    (stolen,) = repository.online_signers()
    repository.rotate("online")
    operators = gateway.looks_into(exported(home)).operators()
    assert stolen.public_key.keyid not in operators.keys
    assert operators.generation == 1
    assert repository_in(home).online_signers()[0].public_key.keyid in operators.keys


def test_everything_that_a_gateway_knew_holds_after_the_online_key_was_replaced(
    home: Home, gateway: Gateway, samples_bundle: bytes, tmp_path: Path
) -> None:
    repository = repository_in(home)
    one = repository.publish(bundle_of(samples_bundle, "1.0.0", tmp_path))
    gateway.looks_into(exported(home))
    repository.rotate("online")
    two = repository_in(home).publish(bundle_of(samples_bundle, "1.1.0", tmp_path))
    seen = gateway.looks_into(exported(home))
    assert content_seen(seen, one.target) is not None
    assert content_seen(seen, two.target) is not None


def test_another_key_of_the_root_leaves_orders_their_generation(home: Home) -> None:
    repository = repository_in(home)
    repository.rotate("root-2")
    assert repository.operators().generation == 0


def test_a_gateway_that_slept_through_several_rotations_follows_them_one_by_one(
    home: Home, gateway: Gateway
) -> None:
    for name in ("root-1", "online", "root-2", "online", "root-1"):
        repository_in(home).rotate(name)
    assert gateway.looks_into(exported(home)).operators().generation == 4  # the fifth root's


def test_what_operators_signed_for_themselves_outlives_their_key(home: Home) -> None:
    repository = repository_in(home)
    inventory = Operators(generation=7, threshold=1, keys={})  # any message will do
    forged = seal(inventory, "inventory", repository_in(_other_home(home)).online_signers())
    home.inventory.write_bytes(seal(inventory, "inventory", repository.online_signers()))
    home.retained.mkdir()
    (home.retained / "rollouts%2F1").write_bytes(forged)
    repository.rotate("online")
    keys = repository.operator_keys()
    assert unseal(home.inventory.read_bytes(), "inventory", Operators, keys) == inventory
    with pytest.raises(EnvelopeError, match="signed by"):
        unseal((home.retained / "rollouts%2F1").read_bytes(), "inventory", Operators, keys)


def test_a_key_that_does_not_exist_is_refused_with_the_names_of_those_that_do(home: Home) -> None:
    with pytest.raises(ConflictError, match="allowed: online, root-1, root-2"):
        repository_in(home).rotate("root-3")


def test_a_file_that_holds_another_key_than_the_metadata_say_is_refused(home: Home) -> None:
    (home.keys / "root-1.pem").replace(home.keys / "online.pem")
    with pytest.raises(KeyFileError, match=r"online\.pem: key .* as in the root metadata"):
        repository_in(home).online_signers()


def test_a_passphrase_is_asked_for_only_as_far_as_keys_are_needed(
    home: Home, bundle_file: Path
) -> None:
    asked = []

    def asks(name: str) -> str:
        asked.append(name)
        return passphrase(name)

    Repository(home, asks).publish(bundle_file)
    assert asked == ["online"]
    asked.clear()
    Repository(home, asks).models()
    assert asked == []
    Repository(home, asks).rotate("root-1")
    assert asked == ["root-1", "root-2"]  # the new one's, and the other's that signs it


def _other_home(home: Home) -> Home:
    other = home_in(home.folder.parent / "other")
    repository_in(other).init()
    return other
