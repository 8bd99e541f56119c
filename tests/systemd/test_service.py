"""The installed agent under a real systemd: killed, hung, starved, reloaded, misconfigured."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(3000)]

STATE = "/var/lib/edge-agent"
CONFIG = "/etc/edge-agent/config.toml"


@pytest.fixture
def agent(machine: Any) -> Iterator[Any]:
    """The machine, its agent scoring; afterwards the unit and the configuration are as before."""
    config = machine.path(CONFIG).read_text()
    machine.run("journalctl", "--rotate")
    machine.run("journalctl", "--vacuum-time=1s", check=False)
    assert machine.is_scoring(), machine.journal()
    yield machine
    for trouble in ("hang", "eat"):
        machine.path(f"{STATE}/{trouble}").unlink(missing_ok=True)
    machine.write(CONFIG, config)
    machine.drop_in("")
    machine.run("systemctl", "restart", "edge-agent")


def score_rows(file: Path) -> list[dict[str, Any]]:
    lines = file.read_text().splitlines(keepends=True)
    rows = [json.loads(line) for line in lines if line.endswith("\n")]  # the last may be half one
    return [json.loads(row["payload"]) for row in rows if row["topic"].endswith("/score")]


def test_it_runs_hardened_as_its_own_user_and_says_so(agent: Any) -> None:
    assert agent.show("ActiveState") == "active"
    assert agent.show("StatusText") == "watching 1 asset"
    status = agent.run("cat", f"/proc/{agent.show('MainPID')}/status").stdout
    assert re.search(r"^CapBnd:\s+0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE)
    uid = agent.run("id", "-u", "edge-agent").stdout.strip()
    assert re.search(rf"^Uid:\s+{uid}\s+{uid}\s+{uid}\s+{uid}$", status, re.MULTILINE)
    assert "1 asset" in agent.run("systemctl", "status", "edge-agent").stdout
    rating = agent.run("systemd-analyze", "security", "edge-agent.service", "--no-pager").stdout
    exposure = re.search(r"exposure level for edge-agent.service: ([\d.]+)", rating)
    assert exposure is not None
    assert float(exposure[1]) <= 1.5


def test_a_killed_agent_is_back_in_seconds_and_goes_on_where_it_was(
    agent: Any, tmp_path: Path
) -> None:
    agent.listen("edge/v1/#", tmp_path / "heard")
    assert wait_until(lambda: score_rows(tmp_path / "heard"))
    before = len(score_rows(tmp_path / "heard"))
    session = score_rows(tmp_path / "heard")[-1]["session"]
    agent.run("systemctl", "kill", "-s", "KILL", "--kill-whom=main", "edge-agent")
    assert wait_until(
        lambda: any(row["session"] != session for row in score_rows(tmp_path / "heard"))
    )
    assert agent.show("Result") == "success"
    assert int(agent.show("NRestarts")) >= 1
    assert len(score_rows(tmp_path / "heard")) >= before
    assert agent.is_scoring()


@pytest.mark.parametrize("how", ["the scoring loop hangs", "the process is stopped"])
def test_the_watchdog_ends_what_hangs_and_it_comes_back_with_its_state(
    agent: Any, how: str
) -> None:
    agent.drop_in("[Service]\nWatchdogSec=4\nTimeoutAbortSec=3\nRestartSec=1\n")
    agent.run("systemctl", "restart", "edge-agent")
    assert agent.is_scoring()
    agent.run("systemctl", "restart", "edge-agent")  # saves the state
    assert agent.is_scoring()
    pid = agent.show("MainPID")
    if how == "the scoring loop hangs":
        agent.write(f"{STATE}/hang", "")
        assert wait_until(lambda: "Watchdog timeout" in agent.journal())
        agent.path(f"{STATE}/hang").unlink()
    else:
        agent.run("systemctl", "kill", "-s", "STOP", "--kill-whom=main", "edge-agent")
        assert wait_until(lambda: "Watchdog timeout" in agent.journal())
    assert wait_until(lambda: agent.show("MainPID") not in ("0", pid))
    assert agent.is_scoring(), agent.journal()
    assert "status=6/ABRT" in agent.journal() or "status=9/KILL" in agent.journal()
    if how == "the scoring loop hangs":
        assert "trouble_sensor.py" in agent.journal()  # the stacks say who it was
    model = agent.run(
        *("mosquitto_sub", "-u", "scada", "-P", "hunter2", "-C", "1"),
        *("-t", "edge/v1/gw-1/pump-1/model"),
    ).stdout
    assert json.loads(model)["begun"] == "restored"


def test_a_quiet_sensor_is_no_reason_to_bite(agent: Any) -> None:
    agent.drop_in("[Service]\nWatchdogSec=4\n")
    slow = agent.path(CONFIG).read_text().replace("silent = false", "silent = true")
    agent.write(CONFIG, slow)
    agent.run("systemctl", "restart", "edge-agent")
    pid = agent.show("MainPID")
    time.sleep(12.0)
    assert (agent.show("MainPID"), agent.show("ActiveState")) == (pid, "active")


def test_whoever_takes_too_much_memory_is_killed_and_started_again(agent: Any) -> None:
    if not agent.has_memory_control():
        pytest.skip("the memory controller is not to be had in a container here")
    agent.drop_in("[Service]\nMemoryMax=160M\nMemorySwapMax=0\nRestartSec=1\n")
    agent.run("systemctl", "restart", "edge-agent")
    assert agent.is_scoring()
    assert 20e6 < int(agent.show("MemoryCurrent")) < 160e6
    pid = agent.show("MainPID")
    agent.write(f"{STATE}/eat", "")
    assert wait_until(lambda: agent.show("MainPID") not in ("0", pid))
    agent.path(f"{STATE}/eat").unlink()
    assert re.search(r"oom-kill|status=9/KILL", agent.journal())
    assert agent.is_scoring(), agent.journal()


def test_a_wrong_configuration_is_not_started_again_and_all_of_it_is_told(agent: Any) -> None:
    good = agent.path(CONFIG).read_text()
    agent.drop_in("[Service]\nRestartSec=1\n")
    agent.write(CONFIG, good.replace('gateway = "gw-1"', "colour = 3\ngateway = 7"))
    agent.run("systemctl", "restart", "edge-agent", check=False)
    assert wait_until(lambda: agent.show("ActiveState") == "failed")
    assert agent.show("ExecMainStatus") == "78"
    time.sleep(3.0)
    assert (agent.show("ActiveState"), agent.show("NRestarts")) == ("failed", "0")
    journal = agent.journal()
    assert "colour" in journal
    assert "gateway" in journal


def test_reload_takes_a_good_file_and_leaves_a_bad_one(agent: Any) -> None:
    good = agent.path(CONFIG).read_text()
    pid = agent.show("MainPID")
    agent.write(CONFIG, good + "colour = 3\n")
    refused = agent.run("systemctl", "reload", "edge-agent", check=False)
    assert refused.returncode != 0
    assert wait_until(lambda: agent.show("StatusText").startswith("going on as before")), (
        agent.journal()
    )
    assert agent.show("ActiveState") == "active"
    assert "colour" in agent.journal()

    second = good[good.index("[[asset]]") :].replace("pump-1", "pump-2")
    agent.write(CONFIG, good + second)
    agent.run("systemctl", "reload", "edge-agent")
    assert wait_until(lambda: agent.show("StatusText") == "watching 2 assets")
    assert (agent.show("MainPID"), agent.show("ActiveState")) == (pid, "active")


def test_it_ends_by_itself_when_it_is_told_to(agent: Any) -> None:
    agent.run("systemctl", "stop", "edge-agent")
    assert (agent.show("Result"), agent.show("ExecMainStatus")) == ("success", "0")
    assert not agent.path("/run/edge-agent/status.json").exists()
