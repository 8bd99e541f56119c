"""What ``edge-trainer collect`` refuses before it speaks to anybody."""

import os
from pathlib import Path

import click
import pytest

from trainer.cli.broker import broker
from trainer.cli.collect import Duration, collect
from trainer.failures import Failure

GIVEN = {
    "host": "h",
    "port": None,
    "username": None,
    "password_env": None,
    "password_file": None,
    "tls": False,
    "ca_file": None,
    "cert_file": None,
    "key_file": None,
    "client_id": None,
}


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90.0), ("15m", 900.0), ("1h", 3600.0), ("2d", 172800.0)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "0s", "1.5h", "-1h", "1w", "1 h", "²s"])
def test_nothing_else_is_a_duration(text: str) -> None:
    with pytest.raises(click.BadParameter, match="allowed: a number and s, m, h or d"):
        Duration().convert(text, None, None)


@pytest.mark.parametrize(
    "option", [("--gateway", "a/b"), ("--asset", "+"), ("--root", "edge/#"), ("--root", "/edge")]
)
def test_no_name_can_be_a_wildcard_or_a_path(tmp_path: Path, option: tuple[str, str]) -> None:
    with pytest.raises(click.UsageError, match="allowed:"):
        collect.main(["--store", str(tmp_path), *option], standalone_mode=False)


def test_the_port_goes_by_the_encryption() -> None:
    assert broker(**GIVEN).port == 1883  # type: ignore[arg-type]
    assert broker(**GIVEN | {"tls": True}).port == 8883  # type: ignore[arg-type]
    assert broker(**GIVEN | {"tls": True, "port": 7}).port == 7  # type: ignore[arg-type]


def test_a_password_comes_from_a_variable_or_the_first_line_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text("one\ntwo\n")
    monkeypatch.setenv("MQTT_PASSWORD", "three")
    user = GIVEN | {"username": "u"}
    assert broker(**user | {"password_file": file}).password == "one"  # type: ignore[arg-type]
    assert broker(**user | {"password_env": "MQTT_PASSWORD"}).password == "three"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ({"password_env": "X"}, os.EX_USAGE, "without --username"),
        ({"username": "u", "password_env": "NOWHERE"}, os.EX_CONFIG, "NOWHERE: .* not set"),
        ({"username": "u", "password_env": "EMPTY"}, os.EX_CONFIG, "EMPTY: .* empty"),
        ({"username": "u", "password_file": Path("/nowhere")}, os.EX_CONFIG, "cannot be read"),
        ({"username": "u", "password_file": Path("/dev/null")}, os.EX_CONFIG, "line is empty"),
        (
            {"username": "u", "password_file": Path("p"), "password_env": "X"},
            os.EX_USAGE,
            "allowed: one",
        ),
        ({"ca_file": Path("ca")}, os.EX_USAGE, "go with --tls"),
        ({"tls": True, "cert_file": Path("c")}, os.EX_USAGE, "allowed: both or none"),
        ({"tls": True, "ca_file": Path("/nowhere")}, os.EX_CONFIG, "/nowhere: no usable"),
        ({"tls": True, "ca_file": Path("/dev/null")}, os.EX_CONFIG, "/dev/null: no usable"),
    ],
)
def test_what_cannot_be_shown_to_a_broker_is_refused(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, object], code: int, reason: str
) -> None:
    monkeypatch.setenv("EMPTY", "")
    with pytest.raises(Failure, match=reason) as caught:
        broker(**GIVEN | change)  # type: ignore[arg-type]
    assert caught.value.exit_code == code
