import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EdgeAgent = Callable[..., Any]

SOUND = """\
gateway = "gw-1"
state_dir = "state"
[mqtt]
host = "127.0.0.1"
[[asset]]
name = "pump-1"
bundle = "samples.edgemodel"
[asset.sensor]
plugin = "bench"
[asset.sensor.options]
rate_hz = 1024
"""


@pytest.fixture
def config(bundle_file: Path) -> Path:
    path = bundle_file.with_name("config.toml")
    path.write_text(SOUND)
    return path


def test_a_sound_configuration_is_ok(edge_agent: EdgeAgent, config: Path) -> None:
    ran = edge_agent("check", "--config", config)
    assert ran.code == 0
    assert "pump-1" in ran.out
    assert ran.out.endswith("ok\n")


@pytest.mark.parametrize(
    ("before", "after", "where", "found", "allowed"),
    [
        ("gateway = ", "gatway = ", "line 1, gatway", "unknown key", "did you mean gateway?"),
        ('"gw-1"', '"gw 1"', "line 1, gateway", '"gw 1"', "[A-Za-z0-9_.-]{1,64}"),
        ('"gw-1"', '"rollouts"', "line 1, gateway", '"rollouts"', "not reserved"),
        ('"gw-1"', '"gw-1', "line 1", "illegal character", "TOML"),
        ('host = "127.0.0.1"', "port = 99999", "line 4, mqtt.port", "99999", "1 to 65535"),
        ('host = "127.0.0.1"', 'tls = "yes"', "line 4, mqtt.tls", '"yes"', "true or false"),
        ('"state"', '""', "line 2, state_dir", '""', "not empty"),
        (
            '"bench"',
            '"bnch"',
            "line 9, asset[0].sensor.plugin",
            "'bnch'",
            "mean bench? all: ",
        ),
        ("1024", '"fast"', "line 10, asset[0].sensor.options", "'fast'", "README"),
        ("1024", "4096", "line 8, asset[0].sensor", "4096", "fits samples.edgemodel"),
    ],
)
def test_ten_wrong_configurations_say_where_what_was_found_and_what_is_allowed(
    edge_agent: EdgeAgent,
    config: Path,
    before: str,
    after: str,
    where: str,
    found: str,
    allowed: str,
) -> None:
    assert before in SOUND
    config.write_text(SOUND.replace(before, after))
    ran = edge_agent("check", "--config", config)
    assert ran.code == 78
    (line,) = [line for line in ran.err.splitlines() if where in line]
    assert line.startswith(f"error: {config}: ")
    assert found in line.partition("found ")[2].partition("; allowed: ")[0]
    assert allowed in line.partition("; allowed: ")[2]


def test_all_mistakes_are_said_in_one_go(edge_agent: EdgeAgent, config: Path) -> None:
    config.write_text(
        """\
gatway = "gw-1"
gateway = "desired"
state_dir = "state"
[mqtt]
port = 0
user = "u"
keepalive_s = 1.5
[publish]
score = "no"
[[asset]]
name = "pump 1"
bundle = "none.edgemodel"
[asset.sensor]
plugin = "bnch"
on_failure = "panic"
[[asset]]
name = "pump-2"
bundle = "samples.edgemodel"
sensor = { plugin = "bench", options = { rate_hz = 1 } }
"""
    )
    ran = edge_agent("check", "--config", config)
    assert ran.code == 78
    assert ran.err.count("error: ") == 10
    assert ran.err.count("missing: ") == 1
    assert ran.err.endswith("10 problems\n")


def test_a_missing_bundle_has_an_exit_code_of_its_own(edge_agent: EdgeAgent, config: Path) -> None:
    config.write_text(SOUND.replace("samples.edge", "none.edge"))
    ran = edge_agent("check", "--config", config)
    assert ran.code == 75
    assert f"missing: {config}: line 7, asset[0].bundle: found " in ran.err
    assert "none.edgemodel, where there is no file; allowed: an .edgemodel file" in ran.err
    assert "1 bundle missing: run starts, and watches an asset once its bundle" in ran.err
    ran = edge_agent("check", "--config", config, "--json")
    assert ran.code == 75
    assert json.loads(ran.out)["absent"]["0"]["where"] == "line 7, asset[0].bundle"


def test_the_findings_are_json_on_request(edge_agent: EdgeAgent, config: Path) -> None:
    ran = edge_agent("check", "--config", config, "--json")
    assert json.loads(ran.out)["assets"][0]["name"] == "pump-1"
    config.write_text("")
    ran = edge_agent("check", "--config", config, "--json")
    assert ran.code == 78
    assert {problem["where"] for problem in json.loads(ran.out)["problems"]} == {"gateway", "asset"}


def test_run_refuses_what_check_refuses(edge_agent: EdgeAgent, config: Path) -> None:
    config.write_text(SOUND.replace("gateway = ", "gatway = "))
    ran = edge_agent("run", "--config", config)
    assert ran.code == 78
    assert "did you mean gateway?" in ran.err


@pytest.mark.parametrize(("command", "end"), [("run", "\n"), ("check", ": 1 problem\n")])
def test_a_state_directory_that_cannot_be_is_refused(
    edge_agent: EdgeAgent, config: Path, command: str, end: str
) -> None:
    config.with_name("state").write_text("a file")
    ran = edge_agent(command, "--config", config)
    assert ran.code == 78
    assert "state_dir: found " in ran.err
    assert "; allowed: a folder that can be written\n" in ran.err
    assert ran.err.endswith(end)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_may_come_back_is_worth_another_start(
    edge_agent: EdgeAgent, config: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    ran = edge_agent("run", "--config", config)
    assert ran.code == 75
    assert os.strerror(code) in ran.err


def test_run_without_its_password_says_where_it_should_be(
    edge_agent: EdgeAgent, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_PASSWORD", raising=False)
    added = '[mqtt]\nusername = "u"\npassword_env = "NO_SUCH_PASSWORD"\n'
    config.write_text(SOUND.replace("[mqtt]\n", added))
    ran = edge_agent("run", "--config", config)
    assert ran.code == 78
    assert "mqtt.password_env" in ran.err


def test_a_credential_of_systemd_is_ok_with_a_clear_word_on_what_run_does_without(
    edge_agent: EdgeAgent, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    added = '[mqtt]\nusername = "u"\npassword_credential = "mqtt"\n'
    config.write_text(SOUND.replace("[mqtt]\n", added))
    checked, ran = (edge_agent(command, "--config", config) for command in ("check", "run"))
    assert (checked.code, ran.code) == (0, 78)
    assert "only systemd provides" in checked.err
    assert "only systemd provides" in ran.err
    assert checked.out.endswith("ok, but only under systemd: started otherwise, run refuses it\n")


def test_a_general_bundle_is_sound_as_the_agent_commissions_it_by_itself(
    edge_agent: EdgeAgent, config: Path, general_bundle_file: Path
) -> None:
    text = SOUND.replace("samples.edgemodel", general_bundle_file.name)
    config.write_text(text.replace("[asset.sensor]", "window = 256\n[asset.sensor]"))
    ran = edge_agent("check", "--config", config)
    assert (ran.code, ran.err) == (0, "")
    assert "test-bearing 1.0.0" in ran.out


def test_without_a_window_that_it_could_cut_a_general_bundle_is_refused(
    edge_agent: EdgeAgent, config: Path, general_bundle_file: Path
) -> None:
    config.write_text(SOUND.replace("samples.edgemodel", general_bundle_file.name))
    ran = edge_agent("check", "--config", config)
    assert ran.code == 78
    assert "asset[0].window: found" in ran.err
    assert "neither bundle nor asset says how long a window is" in ran.err
