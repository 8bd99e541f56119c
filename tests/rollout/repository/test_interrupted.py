"""Commands that end between any two changes to the disk, and what the next one makes of it."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from operators import Gateway, bundle_of, content_seen, home_in, repository_in

from edge_agent.rollout.repository.export import export
from edge_agent.rollout.repository.home import Home, HomeError
from edge_agent.rollout.repository.roles import Roles


class PowerCutError(BaseException):
    """Nothing catches it, as nothing runs any more."""


def power_cut(after: int, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Allow ``after`` changes to the disk; return whether the next one was wanted, in vain."""
    left = after

    def counting(original: Callable[..., object]) -> Callable[..., object]:
        def change(*given: object, **named: object) -> object:
            nonlocal left
            if left == 0:
                raise PowerCutError
            left -= 1
            return original(*given, **named)

        return change

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", counting(Path.rename))
        patched.setattr(Path, "unlink", counting(Path.unlink))
        patched.setattr(os, "fsync", counting(os.fsync))
        try:
            act()
        except PowerCutError:
            return True
    return False


def publish(home: Home, new: Path) -> None:
    repository_in(home).publish(new)


def unpublish(home: Home, _new: Path) -> None:
    repository = repository_in(home)
    if repository.models():
        repository.unpublish("test-bearing", "1.0.0")


def rotate_online(home: Home, _new: Path) -> None:
    repository_in(home).rotate("online")


def rotate_root(home: Home, _new: Path) -> None:
    repository_in(home).rotate("root-1")


def test_a_beginning_that_is_cut_off_anywhere_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)  # counted, but not waited for
    for after in range(100):
        folder = tmp_path / f"{after}"

        def begin(folder: Path = folder) -> None:
            repository_in(home_in(folder)).init()

        was_cut = power_cut(after, begin, monkeypatch)
        home = Home(folder, "anna")
        if not Roles(home.metadata).started():
            begin()
        repository = repository_in(home)
        gateway = Gateway(tmp_path / f"gateway-{after}", repository.roles.root_bytes())
        assert gateway.looks_into(folder / "repository").operators() == repository.operators()
        if not was_cut:
            assert after > 5
            return
    pytest.fail("it never ended")


@pytest.fixture(scope="module")
def template(samples_bundle: bytes, tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("template")
    home = home_in(folder / "home")
    repository = repository_in(home)
    repository.init()
    repository.publish(bundle_of(samples_bundle, "1.0.0", folder))
    return home


@pytest.mark.parametrize(
    ("command", "versions"),
    [
        (publish, ["1.0.0", "1.1.0"]),
        (unpublish, []),
        (rotate_online, ["1.0.0"]),
        (rotate_root, ["1.0.0"]),
    ],
)
def test_a_command_that_is_cut_off_anywhere_is_done_again_and_gateways_never_see_half_of_it(
    command: Callable[[Home, Path], None],
    versions: list[str],
    template: Home,
    tmp_path: Path,
    samples_bundle: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)  # counted, but not waited for
    new = bundle_of(samples_bundle, "1.1.0", tmp_path)
    for after in range(100):
        home = Home(tmp_path / f"{after}", "anna")
        shutil.copytree(template.folder, home.folder)
        stick = tmp_path / f"stick-{after}"
        gateway = Gateway(tmp_path / f"gateway-{after}", Roles(home.metadata).root_bytes())
        was_cut = power_cut(after, partial(command, home, new), monkeypatch)
        # What may go out at once is whole, ...
        try:
            export(home, stick)
        except HomeError as error:
            assert "edge-rollout refresh signs it again" in str(error)  # noqa: PT017
        else:
            gateway.looks_into(stick)
        # ... any other command finds a repository that it can go on with, ...
        repository_in(home).refresh()
        export(home, stick)
        # ... and the same one does what it should have done.
        command(home, new)
        export(home, stick)
        seen = gateway.looks_into(stick)
        repository = repository_in(home)
        for model in repository.models():
            assert content_seen(seen, model.target) is not None
        assert [model.version for model in repository.models()] == versions
        (signer,) = repository.online_signers()
        assert set(seen.operators().keys) == {signer.public_key.keyid}
        if not was_cut:
            assert after > 5
            return
    pytest.fail("the command never ended")
