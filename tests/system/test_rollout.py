"""From the operator's command to the agents that score: everything real, on one machine."""

import os
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
from nervous import more_nervous
from sites import BENCH, CONFIG
from waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]

GATEWAYS = ("gw-1", "gw-2")
START = ("--to", "group=hall", "--waves", "1,100%", "--hold", "1s", "--timeout", "15m", "--watch")


@pytest.fixture
def agents(tmp_path: Path, mosquitto: Mosquitto, rollout: Rollout) -> Iterator[list[Path]]:
    """Two agents that were enrolled and run, without a model yet; their folders."""
    code, said = ended(rollout("init", "--broker", f"127.0.0.1:{mosquitto.port}"))
    assert code == 0, said
    begun = []
    paths = os.pathsep.join([str(BENCH), *filter(None, [os.environ.get("PYTHONPATH")])])
    for name in GATEWAYS:
        folder = tmp_path / name
        folder.mkdir()
        code, said = ended(
            rollout("enroll", name, "--group", "hall", "--out", str(folder / "enrolment"))
        )
        assert code == 0, said
        (folder / "config.toml").write_text(CONFIG.format(name=name, port=mosquitto.port))
        with (folder / "agent.log").open("wb") as log:
            begun.append(
                subprocess.Popen(
                    [
                        *(sys.executable, "-m", "edge_agent.cli.agent", "run"),
                        *("--config", str(folder / "config.toml")),
                    ],
                    stdout=log,
                    stderr=log,
                    env={**os.environ, "PYTHONPATH": paths},
                )
            )
    yield [tmp_path / name for name in GATEWAYS]
    for process in begun:
        process.send_signal(signal.SIGTERM)
    for process in begun:
        process.wait()


def test_a_fleet_is_moved_refuses_what_is_too_nervous_and_is_taken_back(
    tmp_path: Path, samples_bundle: bytes, agents: list[Path], rollout: Rollout
) -> None:
    logs = "\n".join
    for content in (
        renamed(samples_bundle, "1.0.0", "press"),
        renamed(samples_bundle, "1.1.0", "press"),
        renamed(more_nervous(samples_bundle), "1.2.0", "press"),
    ):
        file = tmp_path / "press.edgemodel"
        file.write_bytes(content)
        code, said = ended(rollout("publish", str(file)))
        assert code == 0, said

    code, said = ended(rollout("start", "press@1.0.0", *START))
    assert code == 0, said + logs((folder / "agent.log").read_text() for folder in agents)
    assert "2 of 2 gateways have proved it" in said

    code, said = ended(rollout("start", "press@1.1.0", *START))
    assert code == 0, said + logs((folder / "agent.log").read_text() for folder in agents)
    assert versions(rollout) == {"1.1.0"}

    code, said = ended(rollout("start", "press@1.2.0", *START))
    assert code == 65, said
    assert "aborted: failed>5% is broken in wave 1: 1 of 1" in said
    assert "rolled_back: trial bad" in said
    assert versions(rollout) == {"1.1.0"}

    code, said = ended(rollout("start", "--set", "publish_features=true", *START))
    assert code == 0, said + logs((folder / "agent.log").read_text() for folder in agents)

    code, said = ended(rollout("abort", moved(tmp_path), "--roll-back"))
    assert code == 0, said
    assert wait_until(lambda: versions(rollout) == {"1.0.0"})


def versions(rollout: Rollout) -> set[str]:
    """What the gateways say to run, by their signed reports."""
    code, said = ended(rollout("gateways", "--json"))
    assert code == 0, said
    known: list[dict[str, Any]] = msgspec.json.decode(said)
    return {run["version"] for gateway in known for run in gateway["running"].values()}


def moved(home: Path) -> str:
    """The rollout that brought 1.1.0."""
    return next(file.stem for file in (home / "home/rollouts").glob("press-1.1.0*.json"))
