"""The way of the guide where the broker encrypts, asks who it is, and has the shipped access list.

The operator logs in with a password, the gateway with what its enrolment brought.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from brokers import Mosquitto
from commands import Rollout, ended
from fitted import renamed
from sites import BENCH, CONFIG

pytestmark = pytest.mark.system

ACL = Path(__file__).parents[3] / "deploy" / "mosquitto" / "acl"
PASSWORD = "hunter2"
OVER_TLS = """\
host = "127.0.0.1"
tls = true
ca_file = "enrolment/broker-ca.pem"
username = "gw-1"
password_file = "enrolment/broker-password"
"""


@pytest.fixture
def authority(make_authority: Any) -> Any:
    return make_authority()


@pytest.fixture
def broker(make_mosquitto: Any, authority: Any, tmp_path: Path) -> Mosquitto:
    """It lets nobody in without a password, and nobody do more than its role."""
    passwd = shutil.which("mosquitto_passwd")
    if passwd is None:
        pytest.skip("mosquitto_passwd is not installed")
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    for name in ("operator", "gw-1"):
        command = [passwd, "-b", str(passwords), name, PASSWORD]
        subprocess.run(command, check=True, capture_output=True)
    crt, key = authority.issue("broker")
    made: Mosquitto = make_mosquitto(
        *(f"cafile {authority.ca}", f"certfile {crt}", f"keyfile {key}"),
        *("allow_anonymous false", f"password_file {passwords}", f"acl_file {ACL}"),
    )
    return made


@pytest.fixture
def gateway(
    tmp_path: Path, broker: Mosquitto, authority: Any, rollout: Rollout
) -> Iterator[subprocess.Popen[bytes]]:
    """An agent that was enrolled and runs, without a model yet, in ``tmp_path / "gw-1"``."""
    password = tmp_path / "password"
    password.write_text(f"{PASSWORD}\n")
    folder = tmp_path / "gw-1"
    for arguments in (
        (
            *("init", "--broker", f"127.0.0.1:{broker.port}"),
            *("--tls", "--ca-file", str(authority.ca)),
            *("--username", "operator", "--password-file", str(password)),
        ),
        (
            *("enroll", "gw-1", "--group", "hall", "--out", str(folder / "enrolment")),
            *("--broker-ca", str(authority.ca), "--password-file", str(password)),
        ),
    ):
        code, said = ended(rollout(*arguments))
        assert code == 0, said
    config = folder / "config.toml"
    plain = CONFIG.format(name="gw-1", port=broker.port)
    config.write_text(plain.replace("[mqtt]\n", f"[mqtt]\n{OVER_TLS}"))
    paths = os.pathsep.join([str(BENCH), *filter(None, [os.environ.get("PYTHONPATH")])])
    with (folder / "agent.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent.cli.agent", "run", "--config", str(config)],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": paths},
        )
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(60.0)


def test_from_init_to_the_proof_over_tls_with_passwords_and_the_shipped_access_list(
    tmp_path: Path, samples_bundle: bytes, gateway: subprocess.Popen[bytes], rollout: Rollout
) -> None:
    file = tmp_path / "press.edgemodel"
    file.write_bytes(renamed(samples_bundle, "1.0.0", "press"))
    code, said = ended(rollout("publish", str(file)))
    assert code == 0, said
    start = ("start", "press@1.0.0", "--to", "group=hall", "--hold", "1s", "--timeout", "3m")
    code, said = ended(rollout(*start))
    assert code == 0, said + (tmp_path / "gw-1" / "agent.log").read_text()
    assert "1 of 1 gateways have proved it" in said
    assert gateway.poll() is None
    code, said = ended(rollout("gateways", "--json"))
    assert code == 0, said
    (known,) = msgspec.json.decode(said)
    assert known["running"]["press-1"]["version"] == "1.0.0"
