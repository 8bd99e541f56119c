"""An operator who logs in with a certificate, by the role that the shipped access list gives it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from operators import PASSPHRASE

pytestmark = pytest.mark.system

Ran = subprocess.CompletedProcess[str]


@pytest.fixture
def edge_rollout(tmp_path: Path) -> Callable[..., Ran]:
    def run(*arguments: object) -> Ran:
        return subprocess.run(
            [sys.executable, "-m", "edge_agent.cli.rollout", *map(str, arguments)],
            cwd=tmp_path,
            env={"PYTHONPATH": ":".join(sys.path), "EDGE_ROLLOUT_PASSPHRASE": PASSPHRASE},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )

    return run


def test_a_certificate_for_the_operator_opens_the_broker_and_no_other_one_does(
    make_mosquitto: Any, make_authority: Any, edge_rollout: Callable[..., Ran], bundle_file: Path
) -> None:
    authority, strange = make_authority(), make_authority()
    crt, key = authority.issue("broker")
    broker = make_mosquitto(
        f"cafile {authority.ca}",
        f"certfile {crt}",
        f"keyfile {key}",
        "require_certificate true",
        "use_identity_as_username true",
        f"acl_file {Path(__file__).parents[3] / 'deploy' / 'mosquitto' / 'acl'}",
    )

    def publish(home: str, trusted: Any, issued_by: Any, name: str) -> Ran:
        own, own_key = issued_by.issue(name)
        files = ("--ca-file", trusted.ca, "--cert-file", own, "--key-file", own_key)
        address = f"127.0.0.1:{broker.port}"
        begun = edge_rollout("init", "--home", home, "--broker", address, "--tls", *files)
        assert begun.returncode == 0, begun.stderr
        return edge_rollout("publish", "--home", home, bundle_file, "--json")

    # A gateway may read the repository, but not write to it.
    assert publish("gateway", authority, authority, "gw-1").returncode == 69
    assert publish("deceived", strange, authority, "operator").returncode == 69
    assert publish("stranger", authority, strange, "operator").returncode == 69
    done = publish("operator", authority, authority, "operator")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["upload"]["sent"] > 0
