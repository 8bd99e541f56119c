from pathlib import Path

import pytest
from operators import Gateway, bundle_of, content_seen

from edge_agent.rollout.repository.export import export
from edge_agent.rollout.repository.home import Home
from edge_agent.rollout.repository.repository import Repository


def test_a_gateway_gets_from_the_copy_what_was_published(
    home: Home, repository: Repository, gateway: Gateway, bundle_file: Path, tmp_path: Path
) -> None:
    published = repository.publish(bundle_file)
    export(home, tmp_path / "stick")
    seen = gateway.looks_into(tmp_path / "stick")
    assert content_seen(seen, published.target) == bundle_file.read_bytes()


def test_the_copy_holds_no_key_and_nothing_but_the_repository(
    home: Home, bundle_file: Path, repository: Repository, tmp_path: Path
) -> None:
    repository.publish(bundle_file)
    export(home, tmp_path / "stick")
    assert {path.name for path in (tmp_path / "stick").iterdir()} == {"metadata", "targets"}
    assert not [path for path in (tmp_path / "stick").rglob("*") if b"KEY" in path.name.encode()]


def test_done_again_it_copies_what_is_new_and_deletes_what_is_old_and_no_other_file(
    home: Home, repository: Repository, samples_bundle: bytes, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    repository.publish(bundle_of(samples_bundle, "1.0.0", tmp_path))
    first = export(home, stick)
    assert first.copied == first.files
    (stick / "readme.txt").write_text("mine")
    again = export(home, stick)
    assert (again.copied, again.deleted) == (0, 0)
    repository.unpublish("test-bearing", "1.0.0")
    last = export(home, stick)
    assert last.deleted >= 1
    assert not list(stick.rglob("*.edgemodel"))
    assert (stick / "readme.txt").read_text() == "mine"


def test_a_copy_that_was_cut_off_shows_the_old_repository_until_it_is_done(
    home: Home,
    repository: Repository,
    gateway: Gateway,
    bundle_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stick = tmp_path / "stick"
    export(home, stick)
    published = repository.publish(bundle_file)
    original = Path.rename

    def full(path: Path, target: Path) -> Path:
        if target == stick / "metadata" / "timestamp.json":
            raise OSError(28, "No space left on device")
        return original(path, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space"):
        export(home, stick)
    monkeypatch.undo()
    assert gateway.looks_into(stick).target(published.target) is None
    export(home, stick)
    assert gateway.looks_into(stick).target(published.target) is not None
