import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from edge_agent.cli.agent import agent
from edge_agent.daemon.config.settings import OutboxSettings
from edge_agent.daemon.outbox import Outbox, Store

EdgeAgent = Callable[..., Any]

CONFIG = """\
gateway = "gw-1"
state_dir = "state"
[[asset]]
name = "pump-1"
bundle = "samples.edgemodel"
[asset.sensor]
plugin = "bench"
[asset.sensor.options]
interval_s = 0.0
"""


@pytest.fixture
def config(bundle_file: Path) -> Path:
    path = bundle_file.with_name("config.toml")
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize("command", sorted(agent.commands))
def test_every_command_helps_with_an_example(edge_agent: EdgeAgent, command: str) -> None:
    ran = edge_agent(command, "--help")
    assert ran.code == 0
    assert re.search(rf"Examples?:\n +edge-agent {command}", ran.out)


def test_the_commands_are_those_of_the_design() -> None:
    assert set(agent.commands) == {
        *(
            "run",
            "check",
            "plugins",
            "sample",
            "record",
            "replay",
            "tap",
            "trial",
            "status",
            "diag",
            "outbox",
            "explain",
            "alarm",
            "commission",
            "model",
        ),
    }
    assert isinstance(agent.commands["outbox"], click.Group)
    assert set(agent.commands["outbox"].commands) == {"stats", "fsck"}
    assert isinstance(agent.commands["alarm"], click.Group)
    assert set(agent.commands["alarm"].commands) == {
        *("list", "log", "ack", "shelve", "unshelve", "maintain", "resume", "confirm", "reject"),
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("fly",),
        ("check", "--fast"),
        ("replay",),
        ("replay", "--bundle", "b", "--recording", "r", "--rate-hz", "fast"),
        ("replay", "--bundle", "b", "--recording", "r", "--rate-hz", "0"),
        ("replay", "--bundle", "b", "--recording", "r", "--window", "0"),
        ("replay", "--bundle", "b", "--recording", "r", "--decimate", "1001"),
        ("sample", "--asset", "pump-1", "--blocks", "0"),
        ("record", "pump-1", "--out", "x.npz", "--for", "soon"),
        ("record", "pump-1", "--out", "x.wav", "--for", "1m"),
        ("record", "pump-1", "--for", "1m"),
        ("tap", "--for", "0s"),
    ],
)
def test_a_wrong_call_is_a_usage_error(edge_agent: EdgeAgent, arguments: tuple[str, ...]) -> None:
    assert edge_agent(*arguments).code == 64


def test_the_version_is_printed(edge_agent: EdgeAgent) -> None:
    assert edge_agent("--version").out.startswith("edge-agent 0.")


def test_plugins_lists_also_those_that_do_not_work(edge_agent: EdgeAgent) -> None:
    ran = edge_agent("plugins")
    assert ran.code == 0
    assert re.search(r"sensor +bench +loaded +1 +edge-bench 1.0", ran.out)
    assert re.search(r"sensor +broken +failed .*the driver is missing", ran.out)
    assert re.search(r"sensor +outdated +incompatible ", ran.out)
    assert re.search(r"feature +rms +loaded ", ran.out)


def test_plugins_are_json_on_request(edge_agent: EdgeAgent) -> None:
    rows = json.loads(edge_agent("plugins", "--json").out)
    assert {"kind", "name", "status", "version", "reason"} <= rows[0].keys()


def test_sample_shows_what_a_sensor_delivers(edge_agent: EdgeAgent, config: Path) -> None:
    ran = edge_agent("sample", "--config", config, "--asset", "pump-1", "--blocks", 4, "--json")
    assert ran.code == 0
    sample = json.loads(ran.out)
    assert (sample["blocks"], sample["samples"], sample["unit"]) == (4, 1024, "g")
    assert sample["measured_rate_hz"] == pytest.approx(1024, rel=1e-3)
    (channel,) = sample["channels"]
    assert channel["rms"] == pytest.approx(0.1, rel=0.1)
    assert abs(channel["bias"]) < 0.02
    assert channel["peak"] > channel["rms"]


def test_sample_prints_for_people(edge_agent: EdgeAgent, config: Path) -> None:
    ran = edge_agent("sample", "--config", config, "--asset", "pump-1", "--blocks", 2)
    assert "2 blocks, 512 samples" in ran.out
    assert re.search(r"channel +bias +rms +peak", ran.out)


def test_a_sensor_is_sampled_before_there_is_a_bundle(edge_agent: EdgeAgent, config: Path) -> None:
    config.with_name("samples.edgemodel").unlink()
    config.write_text(CONFIG + 'channels = ["y", "x"]\n')
    command = ("sample", "--config", config, "--asset", "pump-1", "--blocks", 2)
    sample = json.loads(edge_agent(*command, "--json").out)
    assert [channel["name"] for channel in sample["channels"]] == ["y", "x"]
    assert sample["misfits"] == []
    assert "samples.edgemodel: cannot be read" in sample["not_compared"]
    assert "not held against a bundle" in edge_agent(*command).err


@pytest.mark.parametrize(
    ("options", "asset", "code", "word"),
    [
        ("refuse_open = true", "pump-1", 69, "no such device"),
        ("crash_open = true", "pump-1", 69, "ZeroDivisionError: the driver divides"),
        ("fail_at = 0", "pump-1", 69, "unplugged"),
        ("crash_at = 0", "pump-1", 69, "ZeroDivisionError: the plugin divides"),
        ("exit_at = 0", "pump-1", 69, "SystemExit: 3"),
        ("wrong_dtype_at = 0", "pump-1", 69, "float64"),
        ("length = 0\nblocks = 1\nperiod_s = 1.0", "pump-1", 69, "(0, 1)"),
        ("silent_from = 0", "pump-1", 69, "no block within 0.2 s"),
        ("", "pump-2", 78, "pump-1"),
        ("speed = 3", "pump-1", 69, "speed"),
    ],
)
def test_a_sensor_that_does_not_work_is_said_so(
    edge_agent: EdgeAgent, config: Path, options: str, asset: str, code: int, word: str
) -> None:
    config.write_text(CONFIG + options + "\n")
    ran = edge_agent("sample", "--config", config, "--asset", asset, "--timeout", 0.2)
    assert ran.code == code
    assert word in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("trial", "start", "pump-1", "nothing.edgemodel"), "'nothing.edgemodel' does not exist"),
        (("alarm", "confirm", "pump-1", "--anomaly", "first"), "found 'first'; allowed: 4 digits"),
        (("alarm", "shelve", "pump-1", "--for", "91d"), "at most 90d"),
    ],
)
def test_what_no_agent_could_do_is_said_at_once(
    edge_agent: EdgeAgent, config: Path, arguments: tuple[str, ...], said: str
) -> None:
    ran = edge_agent(*arguments, "--config", config)
    assert ran.code == 64
    assert said in ran.err


def test_status_without_an_agent_is_unavailable(edge_agent: EdgeAgent, config: Path) -> None:
    ran = edge_agent("status", "--config", config)
    assert ran.code == 69
    assert "no agent of gateway gw-1 runs" in ran.err


@pytest.mark.system
def test_a_reader_that_goes_away_is_no_error(edge_agent_process: EdgeAgent) -> None:
    import subprocess
    import sys

    command = f"{sys.executable} -m edge_agent.cli.agent plugins --json | head -c 1"
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stderr == ""


@pytest.mark.system
def test_the_commands_start_without_what_they_do_not_need(edge_agent_process: EdgeAgent) -> None:
    import subprocess
    import sys

    program = (
        "import sys, edge_agent.cli.agent;"
        "print([m for m in ('numpy', 'paho', 'pywt', 'msgspec') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout == "[]\n"


def test_diag_writes_an_archive_for_its_owner_alone(edge_agent: EdgeAgent, config: Path) -> None:
    out = config.with_name("diag.tar.gz")
    ran = edge_agent("diag", "--config", config, "--out", out)
    assert ran.code == 0
    assert "secrets removed" in ran.out
    assert "without status.json" in ran.err
    assert out.stat().st_mode & 0o777 == 0o600
    assert edge_agent("diag", "--config", config, "--out", out.with_name("x.zip")).code == 64
    assert edge_agent("diag", "--config", config, "--out", out.parent / "no" / "x.tgz").code == 69


def test_an_outbox_is_shown_and_checked(edge_agent: EdgeAgent, config: Path) -> None:
    arguments = ("--config", str(config))
    for command in ("stats", "fsck"):
        ran = edge_agent("outbox", command, *arguments)
        assert (ran.code, "there is no outbox" in ran.err) == (69, True)
    state = config.with_name("state")
    state.mkdir()
    Store(Outbox(1.0), OutboxSettings(), state).stop(1.0)
    shown = edge_agent("outbox", "stats", *arguments)
    assert shown.code == 0
    assert re.search(r"anomaly +0 ", shown.out)
    assert json.loads(edge_agent("outbox", "stats", "--json", *arguments).out)["waiting"]
    assert ": sound; 0 messages wait" in edge_agent("outbox", "fsck", *arguments).out
    (state / "outbox.db").write_bytes(b"no database at all" * 100)
    for command in ("stats", "fsck"):
        ran = edge_agent("outbox", command, *arguments)
        assert (ran.code, "not a database" in ran.err) == (65, True)
    found = json.loads(edge_agent("outbox", "fsck", "--json", *arguments).out)
    assert len(found["problems"]) == 1
