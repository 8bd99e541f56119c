"""An anomaly explained: the message at a subscriber, and the command beside the running agent."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from waiting import wait_until

from edge_agent.daemon.messages import Snapshot

pytestmark = pytest.mark.system

StartAgent = Callable[..., Any]
Subscribe = Callable[..., Any]

FAULTY = "interval_s = 0.02\nloud_from = 40"


def test_the_picture_follows_the_event_and_the_command_makes_a_page_of_it(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe, tmp_path: Path
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": FAULTY})
    assert wait_until(lambda: bool(ears.of("/pump-1/snapshot"))), agent.said()

    heard = ears.of("/pump-1/snapshot")[0]
    explained = subprocess.run(
        [
            *(sys.executable, "-m", "edge_agent.cli.agent", "explain", "pump-1"),
            *("--config", str(agent.config), "--out", str(tmp_path / "page.html")),
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert wait_until(lambda: any(m.body["event"] == "open" for m in ears.of("/anomaly")))
    opened = next(m for m in ears.of("/anomaly") if m.body["event"] == "open").body
    snapshot = msgspec.convert(heard.body, Snapshot)
    assert snapshot.event.anomaly_id == opened["anomaly_id"]
    assert snapshot.healthy is not None
    assert snapshot.channels[0].healthy_db is not None
    assert "What to look at" in explained.stdout
    assert opened["anomaly_id"][:12] in explained.stdout
    assert (tmp_path / "page.html").stat().st_size > 10_000
