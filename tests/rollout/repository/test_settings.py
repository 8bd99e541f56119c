from pathlib import Path

import pytest

from edge_agent.rollout.broker import Broker
from edge_agent.rollout.repository.settings import SettingsError, broker_of, read_settings


def settings_file(folder: Path, text: str) -> Path:
    file = folder / "operator.toml"
    file.write_text(text)
    return file


def test_files_are_found_beside_it_and_the_port_follows_from_tls(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret of the broker\n")
    text = """[broker]
host = "broker.example"
username = "operator"
password_file = "password"
tls = true
ca_file = "ca.crt"
"""
    broker = broker_of(read_settings(settings_file(tmp_path, text)), tmp_path)
    assert broker == Broker(
        host="broker.example",
        port=8883,
        username="operator",
        password="secret of the broker",
        tls=True,
        ca_file=str(tmp_path / "ca.crt"),
    )
    assert "secret" not in repr(broker)


def test_without_a_broker_there_is_none(tmp_path: Path) -> None:
    settings = read_settings(settings_file(tmp_path, "[lifetimes]\ntimestamp_days = 7\n"))
    assert settings.lifetimes.timestamp_days == 7
    assert broker_of(settings, tmp_path) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[broker]\nhots = 'x'\n", "hots"),
        ("[broker]\nhost = 5\n", r"\$\.broker\.host"),
        ("[broker]\nhost = 'x'\nport = 0\n", r"\$\.broker\.port"),
        ("[broker]\nhost = 'x'\nroot = 'a/+/b'\n", r"\$\.broker\.root"),
        ("[broker]\nhost = 'x'\nroot = '/a'\n", r"\$\.broker\.root"),
        ("[broker]\nhost = 'x'\nca_file = 'c'\n", "broker.ca_file: found a file without tls"),
        ("[broker]\nhost = 'x'\ntls = true\ncert_file = 'c'\n", "broker.key_file: found nothing"),
        ("[broker]\nhost = 'x'\npassword_file = 'p'\n", "broker.username: found nothing"),
        ("[lifetimes]\nroot_days = 0\n", r"\$\.lifetimes\.root_days"),
        ("[broker\n", "operator.toml"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    file = settings_file(tmp_path, text)
    with pytest.raises(SettingsError, match=said) as raised:
        read_settings(file)
    assert str(file) in str(raised.value)


def test_a_password_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    text = "[broker]\nhost = 'x'\nusername = 'u'\npassword_file = 'password'\n"
    settings = read_settings(settings_file(tmp_path, text))
    with pytest.raises(SettingsError, match=r"broker\.password_file: .*password"):
        broker_of(settings, tmp_path)
    (tmp_path / "password").write_text("")
    with pytest.raises(SettingsError, match="no first line"):
        broker_of(settings, tmp_path)
