import logging
from pathlib import Path

import pytest

from edge_agent.daemon.config.settings import Mqtt
from edge_agent.daemon.mqtt.credential_watch import INTERVAL_S, CredentialWatch
from edge_agent.daemon.mqtt.credentials import Credentials, read_credentials


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("first\n")
    return path


@pytest.fixture
def used() -> list[str | None]:
    return []


@pytest.fixture
def watch(file: Path, used: list[str | None]) -> CredentialWatch:
    mqtt = Mqtt(username="gw-1", password_file=str(file))
    return CredentialWatch(mqtt, read_credentials(mqtt), lambda _mqtt, given: used.append(given))


def replace(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def test_a_file_that_stays_is_left_alone(watch: CredentialWatch, used: list[str | None]) -> None:
    watch.look()
    assert used == []


def test_a_new_password_is_used(watch: CredentialWatch, file: Path, used: list[str | None]) -> None:
    replace(file, "second\n")
    watch.look()
    watch.look()
    assert used == ["second"]


def test_the_same_password_in_a_new_file_changes_nothing(
    watch: CredentialWatch, file: Path, used: list[str | None]
) -> None:
    replace(file, "first\n")
    watch.look()
    assert used == []


def test_what_cannot_be_used_is_told_once_and_waited_for(
    watch: CredentialWatch,
    file: Path,
    used: list[str | None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    file.unlink()
    watch.look()
    watch.look()
    assert len(caplog.messages) == 1
    assert "password_file" in caplog.text
    replace(file, "second\n")
    watch.look()
    assert used == ["second"]


def test_it_looks_now_and_then(watch: CredentialWatch) -> None:
    now_s = 1e9
    assert watch.is_due(now_s)
    assert not watch.is_due(now_s + INTERVAL_S / 2)
    assert watch.is_due(now_s + INTERVAL_S)


def test_credentials_do_not_show_the_password() -> None:
    assert "hunter2" not in repr(Credentials("hunter2", ()))
