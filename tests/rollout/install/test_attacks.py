"""The attacks of the TUF specification (section 1.5.2) against the client that gateways run.

Whoever owns the broker, the mirror or the USB stick decides which bytes come. In every test the
gateway runs one model, is told to take another, and must refuse what it gets: say why, in a report
that it signs, and leave the link alone.
"""

import copy
from collections.abc import Callable

import pytest
from attacks import asked, refused
from fitted import Gateway, renamed, wanted
from forge import Forge, in_days
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, MetaFile


def test_what_is_attacked_here_would_be_installed_by_itself(attacked: Gateway, new: bytes) -> None:
    assert asked(attacked, new).state == "staged"


def test_arbitrary_software_in_place_of_a_target_is_refused(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    evil = new[:-1] + bytes([new[-1] ^ 1])
    file = next(name for name in attacked.forge.files if wanted(new).sha256 in name)
    attacked.forge.files[file] = evil
    outcome = asked(attacked, new)
    refused(
        attacked,
        outcome,
        old,
        "test-bearing-1.1.0.edgemodel refused",
        "does not match expected hash",
    )
    assert attacked.report(outcome).state == "failed"


def test_arbitrary_software_with_metadata_of_the_attackers_own_is_refused(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    attacked.forge.publish(signers=[CryptoSigner.generate_ed25519()])
    refused(attacked, asked(attacked, new), old, "timestamp was signed by 0/1 keys")


def test_a_root_of_the_attackers_own_is_refused(attacked: Gateway, old: bytes, new: bytes) -> None:
    attacked.forge.publish_root(signers=[CryptoSigner.generate_ed25519()])
    refused(attacked, asked(attacked, new), old, "root was signed by 0/1 keys")


def test_a_gateway_trusts_no_repository_but_the_one_it_was_enrolled_with(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    other = Forge()
    other.add(wanted(new).target, new)
    other.publish()
    attacked.forge = other
    refused(attacked, asked(attacked, new), old, "timestamp was signed by 0/1 keys")


def test_a_target_of_endless_data_is_cut_off(attacked: Gateway, old: bytes, new: bytes) -> None:
    file = next(name for name in attacked.forge.files if wanted(new).sha256 in name)
    attacked.forge.files[file] = new + bytes(1 << 20)
    refused(attacked, asked(attacked, new), old, "exceeding the maximum allowed length")


@pytest.mark.parametrize("file", ["timestamp.json", "3.snapshot.json", "3.targets.json"])
def test_metadata_of_endless_data_are_cut_off(
    attacked: Gateway, old: bytes, new: bytes, file: str
) -> None:
    attacked.forge.files[f"metadata/{file}"] += b" " * (6 << 20)
    refused(attacked, asked(attacked, new), old, "exceeding the maximum allowed length")


def test_extraneous_dependencies_cannot_be_added_to_the_metadata(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    forge, mine = attacked.forge, CryptoSigner.generate_ed25519()
    role = DelegatedRole("more", [mine.public_key.keyid], 1, terminating=False, paths=["*"])
    forge.targets.delegations = Delegations(
        {mine.public_key.keyid: mine.public_key}, {"more": role}
    )
    forge.publish_targets(signers=[mine])
    forge.publish_snapshot()
    forge.publish_timestamp()
    refused(attacked, asked(attacked, new), old, "targets was signed by 0/1 keys")


def test_fast_forwarded_metadata_lock_nobody_out_once_the_stolen_key_is_replaced(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    forge = attacked.forge
    honest = copy.copy(forge.files)
    versions = forge.targets.version, forge.snapshot.version, forge.timestamp.version
    for role in (forge.targets, forge.snapshot, forge.timestamp):
        role.version = 2**31 - 2
    del forge.targets.targets[wanted(new).target]
    forge.publish()
    refused(attacked, asked(attacked, new), old, "is not among the targets")
    forge.taken_back_to(honest)
    forge.targets.version, forge.snapshot.version, forge.timestamp.version = versions
    attacked.publish(new)
    refused(attacked, asked(attacked, new), old, "metadata refused: ", "2147483647")
    forge.change_online_key(CryptoSigner.generate_ed25519())
    forge.add_operators()
    attacked.publish(new)
    assert asked(attacked, new).state == "staged"


def test_a_generation_counted_to_the_end_locks_nobody_out_once_the_stolen_key_is_replaced(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    """Who stole the key that signs targets says there whose desires count, too."""
    forge = attacked.forge
    forge.generation = 2**53 - 1
    forge.add_operators()
    forge.publish()
    refused(attacked, asked(attacked, old), old, "generation 9007199254740991, allowed: below 1")
    forge.generation = 0
    forge.change_online_key(CryptoSigner.generate_ed25519())
    forge.add_operators()
    forge.publish()
    assert asked(attacked, new).state == "staged"


def test_a_freeze_ends_when_what_is_frozen_expires(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    attacked.forge.timestamp.expires = in_days(-0.1)
    attacked.forge.publish_timestamp()
    refused(attacked, asked(attacked, new), old, "timestamp.json is expired")


def test_a_freeze_is_not_prolonged_by_a_clock_that_was_set_back(
    attacked: Gateway, old: bytes, new: bytes, set_clock: Callable[[float], None]
) -> None:
    assert asked(attacked, old).state == "staged"
    attacked.forge.timestamp.expires = in_days(-0.5)
    attacked.forge.publish_timestamp()
    set_clock(0.0)
    refused(attacked, asked(attacked, new), old, "timestamp expired", "already")


@pytest.mark.parametrize("what", ["timestamp", "snapshot", "targets", "operators", "edgemodel"])
@pytest.mark.parametrize("deed", ["withholds", "garbles"])
def test_a_malicious_mirror_gains_nothing(
    attacked: Gateway, old: bytes, new: bytes, what: str, deed: str
) -> None:
    attacked.forge.add_operators(signers=[CryptoSigner.generate_ed25519()])
    attacked.forge.publish()
    honest = attacked.forge.files
    content = {
        name: body if what not in name else b"{}" + body[2:] for name, body in honest.items()
    }
    kept = {name: body for name, body in honest.items() if what not in name}
    attacked.forge.files = content if deed == "garbles" else kept
    refused(attacked, asked(attacked, new), old)
    attacked.forge.files = honest
    assert asked(attacked, new).state == "staged"


def test_files_of_different_times_cannot_be_mixed_and_matched(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    files, forge = attacked.forge.files, attacked.forge
    files[f"metadata/{forge.targets.version}.targets.json"] = files["metadata/2.targets.json"]
    refused(attacked, asked(attacked, new), old, "Expected targets v3, got v2")


def test_a_snapshot_of_another_time_cannot_be_matched(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    files, forge = attacked.forge.files, attacked.forge
    files[f"metadata/{forge.snapshot.version}.snapshot.json"] = files["metadata/2.snapshot.json"]
    refused(attacked, asked(attacked, new), old, "Expected snapshot version 3, got 2")


def test_an_older_target_cannot_be_matched(attacked: Gateway, old: bytes, new: bytes) -> None:
    files = attacked.forge.files
    one, other = (
        next(name for name in files if wanted(bundle).sha256 in name) for bundle in (new, old)
    )
    files[one] = files[other]
    refused(attacked, asked(attacked, new), old, "test-bearing-1.1.0.edgemodel refused")


def test_the_repository_cannot_be_rolled_back(
    attacked: Gateway, old: bytes, new: bytes, plain_bundle: bytes
) -> None:
    before = copy.copy(attacked.forge.files)
    newest = renamed(plain_bundle, "1.2.0")
    attacked.publish(newest)
    assert asked(attacked, old).state == "staged"  # looks, and finds that it runs what it should
    attacked.forge.taken_back_to(before)
    refused(attacked, asked(attacked, new), old, "timestamp version 3 must be >= 4")


def test_a_snapshot_cannot_be_rolled_back_by_who_signs_timestamps(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    assert asked(attacked, old).state == "staged"
    attacked.forge.snapshot.version = 1
    attacked.forge.publish_timestamp()
    refused(attacked, asked(attacked, new), old, "snapshot version must be >= 3, got")


def test_targets_cannot_be_rolled_back_by_who_signs_snapshots(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    assert asked(attacked, old).state == "staged"
    attacked.forge.snapshot.version += 1
    attacked.forge.snapshot.meta["targets.json"] = MetaFile(1)
    attacked.forge.targets.version = 1
    attacked.forge.publish_snapshot()
    attacked.forge.publish_timestamp()
    refused(attacked, asked(attacked, new), old, "Expected targets.json version 1, got 3")


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_one_stolen_key_of_two_that_are_needed_signs_nothing(
    attacked: Gateway, old: bytes, new: bytes, role: str
) -> None:
    forge, second = attacked.forge, CryptoSigner.generate_ed25519()
    if role != "root":
        forge.root.add_key(second.public_key, role)
    forge.root.roles[role].threshold = 2
    forge.publish_root(signers=forge.root_signers)
    if role == "root":
        forge.publish_root(signers=forge.root_signers[:1])
    refused(attacked, asked(attacked, new), old, f"{role} was signed by 1/2 keys")
    if role == "root":
        forge.root.version -= 1
        forge.publish_root(signers=forge.root_signers)
    else:
        forge.publish(signers=[forge.online, second])
    assert asked(attacked, new).state == "staged"


def test_a_root_that_takes_a_key_back_counts_though_the_rest_is_withheld(
    attacked: Gateway, old: bytes, new: bytes
) -> None:
    forge, stolen = attacked.forge, attacked.forge.online
    withheld = copy.copy(forge.files)
    forge.change_online_key(CryptoSigner.generate_ed25519())
    withheld["metadata/2.root.json"] = forge.files["metadata/2.root.json"]
    forge.taken_back_to(withheld)
    refused(attacked, asked(attacked, new), old, "timestamp was signed by 0/1 keys")
    del forge.files["metadata/2.root.json"]
    refused(attacked, attacked.prepare(forge.seal(attacked.desire(new), [stolen])), old, "0/1 keys")
