import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest

from edge_agent.daemon.config.fields import convert
from edge_agent.daemon.config.settings import (
    Asset,
    Config,
    Metrics,
    Mqtt,
    OutboxSettings,
    Publish,
    RecorderSettings,
    SensorSettings,
    VelocityLimit,
)

DEPLOY = Path(__file__).parents[2] / "deploy"
SAMPLE = DEPLOY / "config" / "config.toml"
UNIT = DEPLOY / "systemd" / "edge-agent.service"
REFRESH = DEPLOY / "systemd" / "edge-rollout-refresh.service"
TIMER = DEPLOY / "systemd" / "edge-rollout-refresh.timer"


def test_the_sample_configuration_says_only_what_is_allowed() -> None:
    found: list[tuple[str, str, str]] = []
    text = re.sub(r"^# (\w+ = |\[)", r"\1", SAMPLE.read_text(), flags=re.MULTILINE)
    convert(tomllib.loads(text), Config, "", lambda *said: found.append(said))
    assert found == []


@pytest.mark.parametrize(
    "struct",
    [
        Asset,
        Config,
        Metrics,
        Mqtt,
        OutboxSettings,
        Publish,
        RecorderSettings,
        SensorSettings,
        VelocityLimit,
    ],
)
def test_the_sample_configuration_shows_every_key(struct: type[msgspec.Struct]) -> None:
    text = SAMPLE.read_text()
    keys = [field.encode_name for field in msgspec.structs.fields(struct)]
    missing = [key for key in keys if not re.search(rf"\b{key}\b", text)]
    assert missing == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_understands_the_unit_and_finds_it_hardened(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    # Only the command has to exist; all else is as shipped.
    unit.write_text(UNIT.read_text().replace("/opt/edge-agent/bin/edge-agent", "/bin/true"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert rated.returncode == 0, rated.stdout[-200:]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_understands_the_operator_s_timer_and_finds_its_service_hardened(
    tmp_path: Path,
) -> None:
    for shipped in (REFRESH, TIMER):
        text = shipped.read_text().replace("/opt/edge-agent/bin/edge-rollout", "/bin/true")
        (tmp_path / shipped.name).write_text(text)
    units = [str(tmp_path / shipped.name) for shipped in (REFRESH, TIMER)]
    verified = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", units[0]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert rated.returncode == 0, rated.stdout[-200:]


def test_the_unit_lets_a_child_process_yield_to_the_agent() -> None:
    filters = re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(), flags=re.MULTILINE)
    # setpriority is one of @resources; the last word on it counts.
    last = [said for said in filters if "@resources" in said or "setpriority" in said][-1]
    assert last == "setpriority"


def test_the_unit_and_the_program_agree() -> None:
    unit = UNIT.read_text()
    assert "Type=notify" in unit
    assert "RestartPreventExitStatus=78" in unit
    credential = re.search(r"LoadCredential=([\w-]+):", unit)
    assert credential is not None
    assert f'password_credential = "{credential[1]}"' in SAMPLE.read_text()
