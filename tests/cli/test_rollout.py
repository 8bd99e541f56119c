"""``edge-rollout``: the commands for keys and published models."""

import hashlib
import json
import re
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from brokers import Mosquitto
from click.testing import CliRunner, Result
from operators import PASSPHRASE, Gateway, bundle_of, content_seen

from edge_agent.bundle import Bundle, encode_bundle
from edge_agent.cli.rollout import main, rollout
from edge_agent.rollout.mqtt import connected
from edge_agent.rollout.repository.home import Home
from edge_agent.rollout.repository.roles import Roles
from edge_agent.rollout.repository.upload import keep_and_publish

EdgeRollout = Callable[..., Any]


@pytest.fixture
def edge_rollout(
    run_command: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> EdgeRollout:
    """``edge_rollout("init", ...)`` with a home folder and a passphrase in the environment."""
    monkeypatch.setenv("EDGE_ROLLOUT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EDGE_ROLLOUT_PASSPHRASE", PASSPHRASE)
    return lambda *arguments: run_command(main, *arguments)


@pytest.fixture
def begun(edge_rollout: EdgeRollout) -> EdgeRollout:
    """With a repository, without a broker."""
    assert edge_rollout("init").code == 0
    return edge_rollout


@pytest.mark.parametrize("command", sorted(rollout.commands))
def test_every_command_helps_with_an_example(edge_rollout: EdgeRollout, command: str) -> None:
    ran = edge_rollout(command, "--help")
    assert ran.code == 0
    assert re.search(rf"Examples?:\n +edge-rollout {command}", ran.out)


def test_what_it_prints_of_the_root_is_what_gateways_are_given(
    edge_rollout: EdgeRollout, tmp_path: Path
) -> None:
    said = json.loads(edge_rollout("init", "--json").out)
    root = Roles(tmp_path / "home" / "repository" / "metadata").root_bytes()
    assert said["root_sha256"] == hashlib.sha256(root).hexdigest()


def test_no_file_of_a_key_is_readable_by_others_and_no_passphrase_is_printed(
    edge_rollout: EdgeRollout, tmp_path: Path
) -> None:
    ran = edge_rollout("init")
    assert PASSPHRASE not in ran.out + ran.err
    keys = sorted((tmp_path / "home" / "keys").iterdir())
    assert [key.name for key in keys] == ["online.pem", "root-1.pem", "root-2.pem"]
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_a_second_init_is_refused(begun: EdgeRollout) -> None:
    ran = begun("init")
    assert ran.code == 78
    assert "there is a repository already" in ran.err


def test_without_a_home_folder_it_says_how_to_make_one(
    edge_rollout: EdgeRollout, bundle_file: Path
) -> None:
    ran = edge_rollout("publish", bundle_file)
    assert ran.code == 78
    assert ran.err.startswith("edge-rollout: ")
    assert "edge-rollout init makes one" in ran.err


def test_before_the_first_rollout_the_status_says_that_there_is_none(begun: EdgeRollout) -> None:
    ran = begun("status")
    assert (ran.code, ran.out) == (
        0,
        "No rollout was started yet: edge-rollout start begins one.\n",
    )
    assert (begun("status", "--json").out, begun("status", "--watch").code) == ("null\n", 0)
    assert begun("status", "press-1.4.0").code == 65
    assert begun("resume").code == 65


def test_the_status_of_what_is_no_home_folder_is_a_mistake(edge_rollout: EdgeRollout) -> None:
    ran = edge_rollout("status")
    assert ran.code == 78
    assert "edge-rollout init makes one" in ran.err


def test_from_the_first_key_to_the_wiped_broker(
    edge_rollout: EdgeRollout, mosquitto: Mosquitto, samples_bundle: bytes, tmp_path: Path
) -> None:
    assert edge_rollout("init", "--broker", f"127.0.0.1:{mosquitto.port}").code == 0
    for version in ("1.0.0", "1.1.0"):
        ran = edge_rollout("publish", bundle_of(samples_bundle, version, tmp_path), "--json")
        assert ran.code == 0, ran.err
        said = json.loads(ran.out)
        assert said["model"]["version"] == version
        assert said["upload"]["sent"] > 0
    assert edge_rollout("unpublish", "test-bearing@1.0.0").code == 0
    assert edge_rollout("rotate-key", "online").code == 0
    assert edge_rollout("rotate-key", "root-1").code == 0
    assert json.loads(edge_rollout("refresh", "--root", "--json").out)["refreshed"] == ["root"]
    assert json.loads(edge_rollout("republish", "--json").out)["sent"] == 0
    mosquitto.stop()
    assert edge_rollout("republish").code == 69
    mosquitto.start()
    assert json.loads(edge_rollout("republish", "--json").out)["sent"] > 0
    actions = [entry.action for entry in Home(tmp_path / "home", "").journal.entries()]
    assert actions == [
        "init",
        "publish",
        "publish",
        "unpublish",
        "rotate-key",
        "rotate-key",
        "refresh",
        "republish",
        "republish",
    ]


def test_a_broker_that_lost_everything_is_noticed_and_restored_by_the_daily_command(
    edge_rollout: EdgeRollout, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    edge_rollout("init", "--broker", f"127.0.0.1:{mosquitto.port}")
    home = Home(tmp_path / "home", "anna")
    topic = home.topics().desired("gw-1")
    with connected(home.broker(), "test") as client:
        keep_and_publish(client, home, topic, b"what gw-1 should run")
        client.flush()
    mosquitto.stop()
    mosquitto.start()
    assert edge_rollout("refresh").code == 0
    with connected(home.broker(), "test") as client:
        assert client.fetch(topic, 60.0) == b"what gw-1 should run"


def test_passphrases_are_asked_for_twice_when_keys_are_made_and_once_when_they_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGE_ROLLOUT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EDGE_ROLLOUT_PASSPHRASE", raising=False)
    said = ["first of the roots", "second of the roots", "that of the online one"]
    twice = "".join(f"{one}\n{one}\n" for one in said)

    def typed(text: str, *arguments: str) -> Result:
        return CliRunner().invoke(rollout, arguments, text, standalone_mode=False)

    ran = typed(f"{said[0]}\nmistyped\n{twice}", "init")
    assert ran.return_value == 0, ran.output
    assert [line for line in ran.output.splitlines() if line.startswith("Passphrase of")] == [
        "Passphrase of root-1: ",
        "Passphrase of root-1: ",
        "Passphrase of root-2: ",
        "Passphrase of online: ",
    ]
    assert not any(one in ran.output for one in said)
    ran = typed(f"{said[0]}\n{said[0]}\n{said[1]}\n", "rotate-key", "root-1")
    assert ran.return_value == 0, ran.output


def test_what_is_signed_but_not_sent_is_sent_by_the_same_command(
    edge_rollout: EdgeRollout, mosquitto: Mosquitto, bundle_file: Path
) -> None:
    edge_rollout("init", "--broker", f"127.0.0.1:{mosquitto.port}")
    mosquitto.stop()
    assert edge_rollout("publish", bundle_file).code == 69
    mosquitto.start()
    ran = edge_rollout("publish", bundle_file, "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["upload"]["sent"] > 0


def test_a_folder_takes_the_place_of_the_broker(
    begun: EdgeRollout, bundle_file: Path, tmp_path: Path
) -> None:
    root = Roles(tmp_path / "home" / "repository" / "metadata").root_bytes()
    published = begun("publish", bundle_file)
    assert published.code == 0
    assert "no broker: see export" in published.out
    assert begun("republish").code == 78
    assert begun("export", tmp_path / "stick").code == 0
    seen = Gateway(tmp_path / "gateway", root).looks_into(tmp_path / "stick")
    assert content_seen(seen, "test-bearing/test-bearing-1.0.0.edgemodel") is not None


def test_golden_vectors_that_do_not_come_out_are_bad_data(
    begun: EdgeRollout, samples_bundle: bytes, tmp_path: Path
) -> None:
    read = Bundle.decode(samples_bundle)
    wrong = replace(read.golden, scores=read.golden.scores + np.float64(1.0))
    manifest = msgspec.structs.replace(read.manifest, members={})
    file = tmp_path / "wrong.edgemodel"
    file.write_bytes(encode_bundle(manifest, read.model, wrong))
    ran = begun("publish", file)
    assert ran.code == 65
    assert str(file) in ran.err


def test_the_same_version_with_other_bytes_is_refused(
    begun: EdgeRollout, samples_bundle: bytes, tmp_path: Path
) -> None:
    assert begun("publish", bundle_of(samples_bundle, "1.0.0", tmp_path)).code == 0
    assert (
        begun("publish", bundle_of(samples_bundle, "1.0.0", tmp_path, report=b"another")).code == 77
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("unpublish", "press"), 64),
        (("unpublish", "press@9.9.9"), 77),
        (("rotate-key", "root-9"), 77),
        (("publish", "nowhere.edgemodel"), 64),
    ],
)
def test_what_cannot_be_done_ends_with_the_code_for_it(
    begun: EdgeRollout, arguments: tuple[str, ...], code: int
) -> None:
    assert begun(*arguments).code == code


@pytest.mark.parametrize(
    "arguments",
    [
        ("--broker", "host:0"),
        ("--broker", "host:port"),
        ("--broker", ":1883"),
        ("--tls",),
        ("--root-keys", "0"),
    ],
)
def test_a_broker_that_cannot_be_is_a_usage_error_and_leaves_nothing(
    edge_rollout: EdgeRollout, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    assert edge_rollout("init", *arguments).code == 64
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("broker.example", "broker.example", 8883),
        ("broker.example:8884", "broker.example", 8884),
        ("[2001:db8::1]:8884", "2001:db8::1", 8884),
        ("[2001:db8::1]", "2001:db8::1", 8883),
        ("2001:db8::1", "2001:db8::1", 8883),
    ],
)
def test_addresses_of_all_kinds_are_understood(
    edge_rollout: EdgeRollout, address: str, host: str, port: int, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text('sec"ret\n')
    password = ("--username", "anna", "--password-file", tmp_path / "password")
    assert edge_rollout("init", "--broker", address, "--tls", *password).code == 0
    broker = Home(tmp_path / "home", "").broker()
    assert (broker.host, broker.port) == (host, port)
    assert (broker.username, broker.password, broker.tls) == ("anna", 'sec"ret', True)


def test_keys_of_the_root_may_have_a_passphrase_of_their_own(
    edge_rollout: EdgeRollout, tmp_path: Path, bundle_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root-passphrase").write_text("another correct horse\n")
    own = ("--root-passphrase-file", tmp_path / "root-passphrase")
    assert edge_rollout("init", *own).code == 0
    assert edge_rollout("publish", bundle_file).code == 0
    ran = edge_rollout("rotate-key", "root-1")
    assert ran.code == 77
    assert "not opened by this passphrase" in ran.err
    assert edge_rollout("rotate-key", "root-1", *own).code == 0


def test_a_wrong_passphrase_and_one_that_is_too_short_are_refused(
    edge_rollout: EdgeRollout, bundle_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "wrong").write_text("what was it again\n")
    (tmp_path / "short").write_text("short\n")
    (tmp_path / "empty").write_text("")
    ran = edge_rollout("init", "--passphrase-file", tmp_path / "short")
    assert ran.code == 77
    assert "allowed: 12 or more" in ran.err
    assert edge_rollout("init", "--passphrase-file", tmp_path / "empty").code == 78
    assert edge_rollout("init").code == 0
    assert edge_rollout("publish", bundle_file, "--passphrase-file", tmp_path / "wrong").code == 77
