"""A candidate tried beside the model of a running agent, by the command line; kills included."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from benchmarks.torture.samples import other_version

pytestmark = pytest.mark.system

StartAgent = Callable[..., Any]
Subscribe = Callable[..., Any]

QUICK = "interval_s = 0.02"


def ask(agent: Any, *arguments: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "edge_agent.cli.agent", "trial", *arguments, "--json"]
    ran = subprocess.run(
        [*command, "--config", str(agent.config)], capture_output=True, text=True, check=False
    )
    return ran.returncode, json.loads(ran.stdout) if ran.stdout else {"said": ran.stderr}


def phase_of(agent: Any) -> str:
    return str(ask(agent, "status", "pump-1")[1].get("phase"))


def test_a_trial_outlives_a_kill_and_changes_nothing_that_runs(
    mosquitto: Any,
    start_agent: StartAgent,
    subscribe: Subscribe,
    samples_bundle: bytes,
    tmp_path: Path,
) -> None:
    candidate = tmp_path / "candidate.edgemodel"
    candidate.write_bytes(other_version(samples_bundle, 1))
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": QUICK})
    assert wait_until(lambda: len(ears.of("/pump-1/score")) > 30)
    code, begun = ask(agent, "start", "pump-1", str(candidate), "--windows", "1000")
    assert (code, begun["phase"], begun["wanted"]) == (0, "backtest", 1000)
    assert ask(agent, "start", "pump-1", str(candidate))[0] == 77
    assert ask(agent, "start", "pump-9", str(candidate))[0] == 77
    assert wait_until(lambda: phase_of(agent) == "live"), agent.said()
    code, report = ask(agent, "status", "pump-1")
    assert code == 75, report
    agent.process.kill()
    agent.process.wait()

    agent = start_agent(mosquitto.port, {"pump-1": QUICK})
    assert wait_until(lambda: phase_of(agent) == "done"), agent.said()
    code, report = ask(agent, "status", "pump-1")
    assert (code, report["verdict"]) == (0, "good"), report
    assert report["live"]["windows"] >= 1000
    assert report["live"]["lost"] == 0
    assert report["past"]["windows"] > 0
    assert report["costs"]["candidate"]["p99_ms"] > 0.0
    digests = {m.body["model_sha256"] for m in ears.of("/pump-1/score")}
    assert len(digests) == 1
    assert [m.body["version"] for m in ears.of("/pump-1/model")] == ["1.0.0", "1.0.0"]
    assert ask(agent, "stop", "pump-1")[0] == 0
    assert ask(agent, "status", "pump-1")[0] == 77
    assert agent.stop()[0] == 0
