"""What is published, and what a gateway gets of it."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest
from operators import Gateway, bundle_of, content_seen, home_in, later, passphrase, repository_in

from edge_agent.bundle import Bundle, BundleError, encode_bundle
from edge_agent.rollout.messages import OPERATORS_TARGET
from edge_agent.rollout.repository.home import Home, HomeError
from edge_agent.rollout.repository.repository import ConflictError, Holders, Repository


@pytest.fixture
def exported(home: Home) -> Path:
    """The home's repository is what a gateway may be given as a folder."""
    return home.folder / "repository"


def test_a_gateway_gets_what_was_published(
    repository: Repository, gateway: Gateway, exported: Path, bundle_file: Path
) -> None:
    published = repository.publish(bundle_file)
    assert published.target == "test-bearing/test-bearing-1.0.0.edgemodel"
    seen = content_seen(gateway.looks_into(exported), published.target)
    assert seen == bundle_file.read_bytes()
    assert repository.models() == [published]
    assert repository.find("test-bearing", "1.0.0") == published


def test_a_gateway_knows_whose_desires_count(
    repository: Repository, gateway: Gateway, exported: Path
) -> None:
    operators = gateway.looks_into(exported).operators()
    assert operators == repository.operators()
    (signer,) = repository.online_signers()
    assert set(operators.keys) == {signer.public_key.keyid}
    assert (operators.generation, operators.threshold) == (0, 1)


def test_published_again_nothing_changes(repository: Repository, bundle_file: Path) -> None:
    first = repository.publish(bundle_file)
    version = repository.roles.timestamp().signed.version
    assert repository.publish(bundle_file) == first
    assert repository.roles.timestamp().signed.version == version


def test_a_version_is_never_given_to_other_bytes_not_even_after_it_was_taken_out(
    repository: Repository, samples_bundle: bytes, bundle_file: Path, tmp_path: Path
) -> None:
    repository.publish(bundle_file)
    other = bundle_of(samples_bundle, "1.0.0", tmp_path, report=b"another")
    for _ in range(2):
        with pytest.raises(ConflictError, match=r"test-bearing@1\.0\.0 was published on .* new"):
            repository.publish(other)
        if repository.models():
            repository.unpublish("test-bearing", "1.0.0")
    assert repository.publish(bundle_file).version == "1.0.0"


def test_golden_vectors_that_do_not_come_out_are_refused_and_nothing_is_signed(
    repository: Repository, samples_bundle: bytes, tmp_path: Path
) -> None:
    read = Bundle.decode(samples_bundle)
    wrong = replace(read.golden, scores=read.golden.scores + np.float64(1.0))
    manifest = msgspec.structs.replace(read.manifest, members={})
    file = tmp_path / "wrong.edgemodel"
    file.write_bytes(encode_bundle(manifest, read.model, wrong))
    with pytest.raises(BundleError, match="score"):
        repository.publish(file)
    assert repository.models() == []
    assert [entry.action for entry in repository.home.journal.entries()] == ["init"]


def test_what_is_no_bundle_is_refused(repository: Repository, tmp_path: Path) -> None:
    file = tmp_path / "press.edgemodel"
    file.write_bytes(b"PK but no more")
    with pytest.raises(BundleError, match=r"press\.edgemodel"):
        repository.publish(file)


def test_what_was_taken_out_is_no_target_any_more_and_its_file_is_gone(
    repository: Repository, gateway: Gateway, exported: Path, bundle_file: Path
) -> None:
    published = repository.publish(bundle_file)
    repository.unpublish("test-bearing", "1.0.0")
    assert content_seen(gateway.looks_into(exported), published.target) is None
    assert not list(repository.home.targets.rglob("*.edgemodel"))
    with pytest.raises(ConflictError, match="published: nothing yet"):
        repository.unpublish("test-bearing", "1.0.0")


def test_several_versions_stand_beside_each_other(
    repository: Repository, gateway: Gateway, exported: Path, samples_bundle: bytes, tmp_path: Path
) -> None:
    versions = ("1.0.0", "1.1.0-rc.1", "2.0.0+b7")
    for version in versions:
        repository.publish(bundle_of(samples_bundle, version, tmp_path))
    assert {model.version for model in repository.models()} == set(versions)
    seen = gateway.looks_into(exported)
    for model in repository.models():
        assert content_seen(seen, model.target) is not None


def test_metadata_that_nobody_asks_for_any_more_are_deleted_but_every_root_stays(
    repository: Repository, gateway: Gateway, exported: Path, samples_bundle: bytes, tmp_path: Path
) -> None:
    for i in range(6):
        repository.publish(bundle_of(samples_bundle, f"1.{i}.0", tmp_path))
    repository.refresh(root=True)
    names = sorted(file.name for file in repository.home.metadata.iterdir())
    assert names == [
        "1.root.json",
        "2.root.json",
        *(f"{n}.{role}.json" for n in (5, 6, 7) for role in ("snapshot", "targets")),
        "timestamp.json",
    ]
    assert gateway.looks_into(exported).target(OPERATORS_TARGET) is not None


def test_nothing_is_signed_again_before_half_of_its_time_is_over(home: Home) -> None:
    assert Repository(home, passphrase, lambda: later(14.9)).refresh() == []
    assert Repository(home, passphrase, lambda: later(15.1)).refresh() == ["timestamp"]
    assert Repository(home, passphrase, lambda: later(46)).refresh() == ["snapshot", "timestamp"]
    done = Repository(home, passphrase, lambda: later(183)).refresh()
    assert done == ["targets", "snapshot", "timestamp"]


def test_what_is_signed_again_lasts_from_then_on(home: Home, repository: Repository) -> None:
    before = repository.expiries()
    Repository(home, passphrase, lambda: later(20)).refresh(root=True)
    after = repository.expiries()
    assert {role for role in after if after[role] > before[role]} == {"root", "timestamp"}
    assert (after["timestamp"] - datetime.now(UTC)).days in (49, 50)


def test_a_clock_that_was_lost_signs_nothing(home: Home) -> None:
    repository = Repository(home, passphrase, lambda: datetime(1970, 1, 2, tzinfo=UTC))
    for sign in (partial(repository.rotate, "online"), partial(repository.refresh, root=True)):
        with pytest.raises(HomeError, match="the clock says 1970-01-02 00:00, but the journal"):
            sign()
    assert repository.roles.root().signed.version == 1


def test_with_thresholds_as_many_sign_as_must(tmp_path: Path) -> None:
    shared = home_in(tmp_path / "shared")
    repository = repository_in(shared)
    repository.init(Holders(3, 2, 2, 2))
    operators = repository.operators()
    assert (operators.threshold, len(operators.keys)) == (2, 2)
    assert len(repository.online_signers()) == 2
    assert len(repository.roles.timestamp().signatures) == 2
    assert len(repository.roles.root().signatures) == 2
    Gateway(tmp_path / "other", repository.roles.root_bytes()).looks_into(
        shared.folder / "repository"
    )
