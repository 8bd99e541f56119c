"""``edge-agent model`` on the folder of a stopped agent; a running one is asked by the system's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fitted import LINE, Gateway, enrol, renamed
from forge import Forge

EdgeAgent = Callable[..., Any]

_CONFIG = """\
gateway = "gw-1"
state_dir = "state"
[update]
enrolment = "enrolment"
[[asset]]
name = "press-1"
bundle = "line:press"
[asset.sensor]
plugin = "bench"
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    forge = Forge()
    (tmp_path / "config.toml").write_text(_CONFIG)
    return Gateway(tmp_path, forge, enrol(tmp_path / "enrolment", forge.first_root))


@pytest.fixture
def model(gateway: Gateway, edge_agent: EdgeAgent) -> EdgeAgent:
    """``model("list", ...)``"""

    def run(command: str, *arguments: object) -> Any:
        config = gateway.home / "config.toml"
        return edge_agent("model", command, "--config", config, *arguments)

    return run


def stick(gateway: Gateway, *bundles: bytes) -> Path:
    gateway.publish(*bundles)
    return gateway.forge.export(gateway.home / "stick")


def test_a_model_from_a_stick_is_installed_listed_and_taken_back(
    gateway: Gateway, model: EdgeAgent, plain_bundle: bytes
) -> None:
    assert model("list").out == "no model is installed for a line\n"
    first = stick(gateway, renamed(plain_bundle, "1.0.0"))
    ran = model("install", first)
    assert (ran.code, ran.out) == (
        0,
        "press: test-bearing 1.0.0 is used from the next start on\n",
    )
    assert "its sensor was not opened yet to be compared" in ran.err
    assert model("install", stick(gateway, renamed(plain_bundle, "1.1.0"))).code == 0
    listed = json.loads(model("list", "--json").out)
    assert [(one["line"], one["model"]["version"], one["use"]) for one in listed] == [
        ("press", "1.1.0", "current"),
        ("press", "1.0.0", "before"),
    ]
    ran = model("rollback", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["line"] == LINE
    running = gateway.running()
    assert running is not None
    assert running.version == "1.0.0"
    ran = model("rollback")
    assert ran.code == 77
    assert "nothing was in use before" in ran.err
    assert "test-bearing  1.1.0" in model("list").out


def test_a_file_is_refused_on_an_enrolled_gateway_but_for_who_insists(
    gateway: Gateway, model: EdgeAgent, plain_bundle: bytes
) -> None:
    file = gateway.home / "some.edgemodel"
    file.write_bytes(renamed(plain_bundle, "1.0.0"))
    ran = model("install", file)
    assert ran.code == 77
    assert "--unsigned" in ran.err
    ran = model("install", file, "--unsigned")
    assert (ran.code, gateway.running() is not None) == (0, True)
    assert "nobody signed it" in ran.err


def test_what_is_wrong_with_what_is_brought_is_an_exit_code(
    gateway: Gateway, model: EdgeAgent, plain_bundle: bytes
) -> None:
    file = gateway.home / "some.edgemodel"
    file.write_bytes(b"no bundle")
    assert model("install", file, "--unsigned").code == 65
    assert model("install", stick(gateway, plain_bundle), "--line", "saw").code == 64
    ran = model("install", stick(gateway, plain_bundle), "--model", "other@1.0.0", "--json")
    assert ran.code == 64
    assert json.loads(ran.out)["kind"] == "choice"


def test_a_rollback_needs_no_sound_configuration(
    gateway: Gateway, model: EdgeAgent, plain_bundle: bytes
) -> None:
    for version in ("1.0.0", "1.1.0"):
        gateway.run(renamed(plain_bundle, version))
    (gateway.home / "config.toml").write_text('gateway = "gw-1"\nstate_dir = "state"\nwhat = 1\n')
    assert model("rollback").code == 0
    running = gateway.running()
    assert running is not None
    assert running.version == "1.0.0"
    assert model("install", gateway.home / "repository").code == 78
