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
