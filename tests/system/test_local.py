"""Looking into a running agent: a real scrape, and the socket for tap and record."""

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.system

StartAgent = Callable[..., Any]

QUICK = "interval_s = 0.02"
FAULTY = "interval_s = 0.02\nloud_from = 20"


def wait_until(condition: Callable[[], object], timeout_s: float = 20.0) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


def report(agent: Any) -> dict[str, Any]:
    file = Path(agent.config).with_name("state") / "status.json"
    said: dict[str, Any] = json.loads(file.read_bytes()) if file.exists() else {"assets": []}
    return said


def samples(url: str) -> dict[str, float]:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - the agent said http://
        text = answer.read().decode()
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_scrape_shows_what_the_agent_does(mosquitto: Any, start_agent: StartAgent) -> None:
    assets = {"pump-1": QUICK, "pump-2": FAULTY}
    agent = start_agent(mosquitto.port, assets)
    assert wait_until(lambda: any(a["anomaly"] for a in report(agent)["assets"]))
    now = samples(report(agent)["metrics"])
    assert now["edge_agent_anomaly_open['pump-1']"] == 0.0
    assert now["edge_agent_anomaly_open['pump-2']"] == 1.0
    assert now["edge_agent_anomaly_severity_ratio['pump-2']"] > 1.0
    assert now["edge_agent_mqtt_connected[]"] == 1.0
    assert now["edge_agent_asset_state['pump-1', 'running']"] == 1.0
    scored = "edge_agent_windows_total['pump-1', 'scored']"
    assert wait_until(lambda: samples(report(agent)["metrics"])[scored] > now[scored])
    assert agent.stop()[0] == 0


def test_a_port_in_use_costs_the_metrics_alone(mosquitto: Any, start_agent: StartAgent) -> None:
    taken = f'listen = "127.0.0.1:{mosquitto.port}"'
    agent = start_agent(mosquitto.port, {"pump-1": QUICK}, metrics=taken)
    assert wait_until(lambda: any(a["windows"] for a in report(agent)["assets"]))
    assert report(agent)["metrics"] is None
    assert "no metrics: 127.0.0.1" in agent.said()
    assert agent.stop()[0] == 0
