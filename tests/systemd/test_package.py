"""The Debian package: installed, upgraded, removed, purged."""

import contextlib
import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(3000)]

STATE = "/var/lib/edge-agent"


@pytest.fixture(scope="module")
def newer(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same package under a higher version, in which the agent says another version too."""
    folder = tmp_path_factory.mktemp("newer")
    root = folder / "root"
    subprocess.run(["dpkg-deb", "-R", package, root], check=True)
    control = root / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1+1", control.read_text()))
    (metadata,) = root.glob("opt/edge-agent/lib/python3.11/site-packages/edge_agent-*/METADATA")
    metadata.write_text(re.sub(r"(?m)^Version: .*$", "Version: 99.0", metadata.read_text()))
    made = folder / "edge-agent_newer.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", root, made], check=True
    )
    shutil.rmtree(root)
    return made


def files(machine: Any) -> set[str]:
    """Return what there is, without what changes by itself."""
    changing = ["/proc", "/sys", "/run", "/root", "/var/log", "/var/cache", "/var/lib/dpkg"]
    changing += ["/var/lib/systemd/timers", "/var/lib/mosquitto"]
    skipped = [part for path in changing for part in ("-path", path, "-prune", "-o")]
    said = machine.run("find", "/", "-xdev", *skipped, "-print")
    return set(said.stdout.splitlines())


def waiting(machine: Any) -> set[str]:
    """Return the ids of the scores that wait in the outbox."""
    database = machine.path(f"{STATE}/outbox.db")
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        rows = opened.execute("SELECT body FROM message WHERE topic LIKE '%/score'").fetchall()
    return {json.loads(body)["id"] for (body,) in rows}


def heard(file: Path) -> set[str]:
    """Return the ids of the scores that a subscriber got."""
    lines = file.read_text().splitlines(keepends=True)
    rows = [json.loads(line) for line in lines if line.endswith("\n")]  # the last may be half one
    return {
        json.loads(row["payload"])["id"] for row in rows if row["topic"].endswith("/pump-1/score")
    }


def test_from_an_empty_machine_and_back(
    new_machine: Callable[[], Any],
    configure: Callable[[Any], None],
    package: Path,
    newer: Path,
    tmp_path: Path,
) -> None:
    machine = new_machine()
    before = files(machine)
    users = machine.path("/etc/passwd").read_text()

    said = machine.install(package)
    assert "not configured yet" in said.stdout
    assert machine.show("ActiveState") == "inactive"
    assert machine.run("systemctl", "is-enabled", "edge-agent").stdout.strip() == "enabled"
    assert machine.run("edge-agent", "--version").stdout.startswith("edge-agent ")

    configure(machine)
    machine.run("edge-agent", "check", "--offline")
    machine.run("systemctl", "start", "edge-agent")
    assert machine.is_scoring(), machine.journal()
    mode = machine.run("stat", "-c", "%a %U", STATE).stdout.strip()
    assert mode == "700 edge-agent"

    # What waits for a broker that is away, and what the flows remember, outlives an upgrade.
    machine.run("systemctl", "stop", "mosquitto")
    assert machine.is_scoring()
    old, config = machine.show("MainPID"), machine.path("/etc/edge-agent/config.toml").read_text()
    messages = waiting(machine)
    assert messages
    machine.install(newer)
    assert wait_until(lambda: machine.show("MainPID") not in ("0", old))
    assert machine.is_scoring(), machine.journal()
    assert "99.0" in machine.run("edge-agent", "--version").stdout
    assert machine.path("/etc/edge-agent/config.toml").read_text() == config
    machine.run("systemctl", "start", "mosquitto")
    machine.listen("edge/v1/#", tmp_path / "heard")
    assert wait_until(lambda: messages <= heard(tmp_path / "heard")), machine.journal()

    machine.run("apt-get", "remove", "-y", "edge-agent")
    assert machine.path("/var/lib/edge-agent/assets/pump-1.state").exists()
    assert machine.path("/etc/edge-agent/config.toml").exists()
    assert machine.run("pgrep", "-u", "edge-agent", check=False).stdout == ""

    machine.install(newer)
    assert wait_until(machine.is_scoring), machine.journal()
    machine.run("apt-get", "purge", "-y", "edge-agent")
    assert machine.path("/etc/passwd").read_text() == users
    # What others made on the way, apt and systemd, is theirs.
    assert {path for path in files(machine) - before if "edge" in path} == set()
