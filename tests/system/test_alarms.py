"""An agent that is told what to do while an anomaly is open: over MQTT and on its own machine."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.publish import single
from waiting import wait_until

pytestmark = pytest.mark.system

StartAgent = Callable[..., Any]
Subscribe = Callable[..., Any]

LOUD = "interval_s = 0.02\nloud_from = 30"
COMMAND = "edge/v1/gw-1/command"


def publish(port: int, payload: object, *, retain: bool = False) -> None:
    data = payload if isinstance(payload, bytes) else json.dumps(payload)
    single(COMMAND, data, qos=1, retain=retain, hostname="127.0.0.1", port=port)


def last_alarm(subscriber: Any) -> dict[str, Any]:
    alarms = [m.body for m in subscriber.heard if m.topic.endswith("/pump-1/alarm")]
    return dict(alarms[-1]) if alarms else {}


def replies(subscriber: Any) -> list[dict[str, Any]]:
    return [m.body for m in subscriber.heard if m.topic == "edge/v1/gw-1/reply"]


def online(subscriber: Any) -> int:
    """How many sessions have been born."""
    births = [m.body for m in subscriber.heard if m.topic == "edge/v1/gw-1/status"]
    return len({birth["session"] for birth in births if birth["state"] == "online"})


def command_line(agent: Any, *arguments: str) -> tuple[int, str, str]:
    run = subprocess.run(
        [sys.executable, "-m", "edge_agent.cli.agent", *arguments, "--config", str(agent.config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return run.returncode, run.stdout, run.stderr


@pytest.fixture
def ringing(start_agent: StartAgent, mosquitto: Any, subscribe: Subscribe) -> tuple[Any, Any, int]:
    """An agent whose pump-1 has an anomaly open, who hears it, and the broker's port."""
    subscriber = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": LOUD})
    assert wait_until(lambda: last_alarm(subscriber).get("state") == "open"), agent.said()
    return agent, subscriber, mosquitto.port


def test_acknowledged_over_mqtt_it_stays_so_when_the_agent_is_killed(
    ringing: tuple[Any, Any, int], start_agent: StartAgent, subscribe: Subscribe
) -> None:
    agent, subscriber, port = ringing
    command = {"command": "ack", "id": "c1", "by": "kim", "asset": "pump-1"}
    publish(port, command)
    assert wait_until(lambda: replies(subscriber))
    (reply,) = replies(subscriber)
    assert (reply["command_id"], reply["result"], reply["durable"]) == ("c1", "ok", True)
    assert wait_until(lambda: last_alarm(subscriber)["state"] == "acknowledged")

    agent.stop(signal.SIGKILL)
    births = online(subscriber)
    start_agent(port, {"pump-1": "interval_s = 0.02\nloud_from = 0"})
    assert wait_until(lambda: online(subscriber) > births)
    publish(port, command)
    assert wait_until(lambda: len(replies(subscriber)) >= 2)
    again = replies(subscriber)[-1]
    assert (again["data"], again["result"]) == (reply["data"], "ok")
    late = subscribe(port)
    assert wait_until(lambda: last_alarm(late))
    assert last_alarm(late)["state"] in ("acknowledged", "open")
    assert last_alarm(late)["anomaly_id"] == reply["data"]["alarm"]["anomaly"]["id"]


def test_the_command_line_does_what_mqtt_does(ringing: tuple[Any, Any, int]) -> None:
    agent, subscriber, _ = ringing
    code, out, _ = command_line(agent, "alarm", "list", "--json")
    (listed,) = json.loads(out)
    assert (code, listed["asset"], listed["state"]) == (0, "pump-1", "open")
    assert command_line(agent, "alarm", "shelve", "pump-1", "--for", "8h", "--note", "fan")[0] == 0
    assert wait_until(lambda: last_alarm(subscriber)["state"] == "shelved")
    assert last_alarm(subscriber)["shelved"]["note"] == "fan"
    code, out, _ = command_line(agent, "alarm", "list")
    assert "shelved by" in out
    assert command_line(agent, "alarm", "maintain", "pump-1")[0] == 0
    assert wait_until(lambda: last_alarm(subscriber)["state"] == "maintenance")
    assert not last_alarm(subscriber)["alarm"]
    assert command_line(agent, "alarm", "resume", "pump-1")[0] == 0
    assert command_line(agent, "alarm", "unshelve", "pump-1")[0] == 0
    assert wait_until(lambda: last_alarm(subscriber)["state"] == "open")
    code, _, _ = command_line(agent, "alarm", "confirm", "pump-1", "--fault", "outer race")
    assert code == 0
    assert wait_until(lambda: subscriber.of("/pump-1/label"))
    label = subscriber.of("/pump-1/label")[0].body
    assert (label["label"], label["fault"]) == ("confirmed", "outer race")
    code, out, _ = command_line(agent, "alarm", "list", "pump-1")
    assert label["anomaly_id"][:12] in out
    assert command_line(agent, "alarm", "reject", "pump-1", "--anomaly", "0" * 32)[0] == 77
    code, out, _ = command_line(agent, "alarm", "log", "--json")
    asked = [line["what"] for line in json.loads(out) if "command" in line]
    assert asked == ["shelve", "maintain", "resume", "unshelve", "confirm", "reject"]
    code, out, _ = command_line(agent, "alarm", "log")
    assert "  shelve  for 8 h 0 min  by " in out
    assert "  confirm  outer race  by " in out


def test_what_is_no_command_is_refused_and_the_scoring_goes_on(
    ringing: tuple[Any, Any, int],
) -> None:
    agent, subscriber, port = ringing
    for payload in (b"\x00\xff", b"x" * 20_000, b'{"command":"ack"}', b"[" * 8000):
        publish(port, payload)
    assert wait_until(lambda: len(replies(subscriber)) == 4)
    assert {reply["result"] for reply in replies(subscriber)} == {"refused"}
    publish(port, b"y" * 5_000_000)  # more than the agent lets the broker send
    publish(port, {"command": "alarms", "id": "c2", "by": "kim"})
    assert wait_until(lambda: any(r["command_id"] == "c2" for r in replies(subscriber)))
    scores = len(subscriber.of("/pump-1/score"))
    assert wait_until(lambda: len(subscriber.of("/pump-1/score")) > scores)
    assert agent.process.poll() is None


def test_who_asks_an_agent_that_does_not_run_is_told_so(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('gateway = "gw-1"\nstate_dir = "state"\n')
    run = subprocess.run(
        [sys.executable, "-m", "edge_agent.cli.agent", "alarm", "list", "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode in (69, 78)


def test_over_an_old_broker_what_is_retained_is_no_command(
    start_agent: StartAgent, old_broker: int, subscribe: Subscribe, protocol_311: int
) -> None:
    subscriber = subscribe(old_broker, protocol_311)
    agent = start_agent(old_broker, {"pump-1": "interval_s = 0.02"})
    assert wait_until(lambda: subscriber.of("/pump-1/score")), agent.said()
    publish(old_broker, {"command": "maintain", "id": "c1", "by": "kim", "asset": "pump-1"})
    assert wait_until(lambda: last_alarm(subscriber).get("state") == "maintenance")
    assert wait_until(lambda: replies(subscriber)[0]["result"] == "ok")
    assert wait_until(lambda: any(m.body["maintenance"] for m in subscriber.of("/pump-1/score")))
    agent.stop()
    publish(
        old_broker,
        {"command": "resume", "id": "c2", "by": "kim", "asset": "pump-1"},
        retain=True,
    )
    start_agent(old_broker, {"pump-1": "interval_s = 0.02"})
    assert wait_until(lambda: any(r["command_id"] == "c2" for r in replies(subscriber)))
    assert replies(subscriber)[-1]["result"] == "refused"
    assert last_alarm(subscriber)["state"] == "maintenance"
