from pathlib import Path

import pytest

from edge_agent.daemon.config.settings import Mqtt
from edge_agent.daemon.mqtt.credentials import CredentialError, read_password


def test_there_is_no_password_where_none_is_configured() -> None:
    assert read_password(Mqtt(), {}) is None


def test_the_password_comes_from_the_environment() -> None:
    assert read_password(Mqtt(username="u", password_env="P"), {"P": "hunter2"}) == "hunter2"


def test_the_password_is_the_first_line_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("hunter2\n# rotated in May\n")
    assert read_password(Mqtt(password_file=str(tmp_path / "p")), {}) == "hunter2"


def test_the_password_comes_from_a_systemd_credential(tmp_path: Path) -> None:
    (tmp_path / "mqtt").write_text("hunter2")
    given = Mqtt(password_credential="mqtt")
    assert read_password(given, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "hunter2"


def test_a_credential_outside_of_systemd_is_a_matter_of_run_time() -> None:
    with pytest.raises(CredentialError) as caught:
        read_password(Mqtt(password_credential="mqtt"), {})
    assert caught.value.only_at_run_time


@pytest.mark.parametrize("content", [b"", b"\n", b"\nhunter2\n", b"\xff\xfe"])
def test_a_file_without_a_password_is_named_but_not_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(CredentialError, match=r"password_file.*/p, ") as caught:
        read_password(Mqtt(password_file=str(tmp_path / "p")), {})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("environment", "state"), [({}, "not set"), ({"P": ""}, "empty")])
def test_a_variable_without_a_password_is_named(environment: dict[str, str], state: str) -> None:
    with pytest.raises(CredentialError, match=state):
        read_password(Mqtt(password_env="P"), environment)
