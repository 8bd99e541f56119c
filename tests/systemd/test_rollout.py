"""A model from the operator's desk to an agent that runs hardened under a real systemd."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from edge_agent.bundle import Bundle

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(3000)]

HERE = "/etc/edge-agent"
LINE = "samples"
SERVICE = "edge-rollout-refresh.service"
TIMER = "edge-rollout-refresh.timer"


class Operator:
    """The operator's commands, in the network of a machine and with the files of this one."""

    def __init__(self, machine: Any, home: Path) -> None:
        self.machine = machine
        self.home = home
        self.environment = {
            **os.environ,
            "EDGE_ROLLOUT_HOME": str(home),
            "EDGE_ROLLOUT_PASSPHRASE": secrets.token_urlsafe(24),
        }

    def run(self, *arguments: str) -> str:
        said = subprocess.run(
            [
                *("nsenter", "-t", str(self.machine.leader), "--net", "--"),
                *(sys.executable, "-m", "edge_agent.cli.rollout", *arguments),
            ],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
        )
        assert said.returncode == 0, f"{arguments}: {said.stdout}{said.stderr}"
        return said.stdout


def test_an_enrolled_agent_gets_verifies_and_runs_what_the_operator_rolls_out(
    machine: Any, samples_bundle: bytes, tmp_path: Path
) -> None:
    operator = Operator(machine, tmp_path / "home")
    secret = tmp_path / "password"
    secret.write_text(f"{machine.password}\n")
    operator.run(
        *("init", "--broker", "127.0.0.1:1883", "--username", "operator"),
        *("--password-file", str(secret)),
    )
    operator.run("enroll", "gw-1", "--group", "hall", "--out", str(tmp_path / "enrolment"))
    shutil.copytree(tmp_path / "enrolment", machine.path(f"{HERE}/enrolment"))
    machine.run("chown", "-R", "edge-agent:edge-agent", f"{HERE}/enrolment")
    config = machine.path(f"{HERE}/config.toml").read_text()
    machine.write(
        f"{HERE}/config.toml",
        config.replace('"samples.edgemodel"', f'"line:{LINE}"').replace(
            "[mqtt]", f'[update]\nenrolment = "{HERE}/enrolment"\n[mqtt]'
        ),
    )
    machine.run("systemctl", "restart", "edge-agent")
    bundle = tmp_path / "samples.edgemodel"
    bundle.write_bytes(samples_bundle)
    published = Bundle.decode(samples_bundle)
    model = f"{published.manifest.name}@{published.manifest.version}"
    operator.run("publish", str(bundle))
    said = operator.run(
        *("start", model, "--to", "group=hall", "--line", LINE, "--waves", "100%"),
        *("--hold", "3s", "--min-windows", "5", "--timeout", "5m", "--json"),
    )
    assert '"succeeded"' in said
    assert machine.is_scoring(), machine.journal()
    listed = json.loads(machine.run("edge-agent", "model", "list", "--json").stdout)
    assert published.sha256 in json.dumps(listed)
    assert wait_until(lambda: machine.show("ActiveState") == "active")
    machine.write(f"{HERE}/config.toml", config)
    machine.run("systemctl", "restart", "edge-agent")


def test_the_timer_s_service_signs_again_what_has_lost_half_of_its_time(machine: Any) -> None:
    home, passphrase = "/var/lib/edge-rollout", secrets.token_urlsafe(24)
    machine.run("useradd", "--system", "--home-dir", home, "--create-home", "edge-rollout")
    machine.write("/etc/edge-rollout.password", f"{machine.password}\n", 0o600)
    machine.run("chown", "edge-rollout:", "/etc/edge-rollout.password")
    machine.run(
        *("runuser", "-u", "edge-rollout", "--", "env", f"EDGE_ROLLOUT_PASSPHRASE={passphrase}"),
        *("edge-rollout", "init", "--home", home, "--broker", "127.0.0.1:1883"),
        *("--username", "operator", "--password-file", "/etc/edge-rollout.password"),
    )
    machine.write("/etc/credstore/edge-rollout.passphrase", f"{passphrase}\n", 0o600)
    machine.run("systemctl", "start", SERVICE)
    assert version_of(machine.path(f"{home}/repository/metadata/timestamp.json").read_text()) == 1

    settings = machine.path(f"{home}/operator.toml")
    settings.write_text(f"{settings.read_text()}\n[lifetimes]\ntimestamp_days = 90\n")
    machine.run("systemctl", "start", SERVICE)
    assert version_of(machine.path(f"{home}/repository/metadata/timestamp.json").read_text()) == 2
    reader = ("-u", "scada", "-P", machine.password, "-C", "1", "-W", "60")
    topic = ("-t", "edge/v1/repo/metadata/timestamp.json")
    assert version_of(machine.run("mosquitto_sub", *reader, *topic).stdout) == 2

    machine.run("systemctl", "enable", "--now", TIMER)
    assert machine.show("ActiveState", TIMER) == "active"
    assert machine.show("NextElapseUSecRealtime", TIMER)


def version_of(metadata: str) -> int:
    return int(json.loads(metadata)["signed"]["version"])
