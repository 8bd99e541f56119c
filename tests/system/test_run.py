"""The agent as its users meet it: a process, a broker, a subscriber."""

import hashlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from edge_agent.daemon.described import MESSAGES
from edge_agent.daemon.outbox.inspect import read_stats

pytestmark = pytest.mark.system

StartAgent = Callable[..., Any]
Subscribe = Callable[..., Any]

QUICK = "interval_s = 0.02"
AT_ONCE_S = 20.0  # it takes half a second; whoever waits for a broker waits for longer than this
FAULTY = "interval_s = 0.02\nloud_from = 20\nquiet_from = 40"


def test_birth_scores_anomaly_alarm_and_death(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": FAULTY})
    assert wait_until(lambda: any(m.body["event"] == "close" for m in ears.of("/anomaly")))
    assert wait_until(lambda: ears.of("/status")[-1].body["assets"][0]["state"] == "running")
    late_ears = subscribe(mosquitto.port)
    assert wait_until(lambda: len({m.topic for m in late_ears.heard if m.retained}) >= 3)
    code, seconds = agent.stop()
    assert (code, seconds < AT_ONCE_S) == (0, True), (seconds, agent.said())
    assert wait_until(lambda: ears.of("/status")[-1].body["state"] == "offline")

    birth, death = ears.of("/status")[0].body, ears.of("/status")[-1].body
    assert birth["state"] == "online"
    assert birth["mqtt_protocol"] == "5"
    assert {"edge-agent", "python", "numpy"} <= birth["versions"].keys()
    assert (death["state"], death["reason"]) == ("offline", "stopped")
    running = next(m.body for m in ears.of("/status") if m.body["assets"][0]["state"] == "running")
    assert running["assets"][0]["unit"] == "g"
    assert {"kind": "sensor", "name": "bench", "version": "1"} in running["plugins"]

    scores = [m.body for m in ears.of("/pump-1/score")]
    assert [score["index"] for score in scores] == list(range(len(scores)))
    assert len({score["session"] for score in scores}) == 1
    opened, closed = ears.of("/anomaly")[0].body, ears.of("/anomaly")[-1].body
    assert opened["event"] == "open"
    assert opened["features"][0]["share"] > 0
    assert closed["closed"] > closed["opened"]

    kept = {m.topic.rpartition("/")[2] for m in late_ears.heard if m.retained}
    assert kept == {"status", "model", "alarm"}
    model = next(m.body for m in late_ears.heard if m.topic.endswith("/model"))
    assert (model["name"], model["version"]) == ("test-bearing", "1.0.0")

    for message in ears.heard:
        kind = message.topic.rpartition("/")[2]
        assert message.content_type == "application/json"
        MESSAGES_DECODED[kind](message.body)
    assert {m.expiry_s for m in ears.of("/score")} == {3600}


def test_a_bundle_without_a_network_runs_without_an_interpreter(
    mosquitto: Any,
    start_agent: StartAgent,
    subscribe: Subscribe,
    bundle_file: Path,
    plain_bundle: bytes,
) -> None:
    bundle_file.write_bytes(plain_bundle)
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": FAULTY})
    assert wait_until(lambda: any(m.body["event"] == "close" for m in ears.of("/anomaly")))
    mapped = Path(f"/proc/{agent.process.pid}/maps").read_text()
    # The folder of the environment may itself be named after the interpreter.
    loaded = mapped.replace(sys.prefix, "")
    assert "numpy" in loaded
    assert not re.search("tflite|litert|tensorflow", loaded)
    assert agent.stop()[0] == 0
    scores = [m.body for m in ears.of("/pump-1/score")]
    assert scores[0]["score"] is not None  # nothing to wash out
    (model,) = {m.body["sha256"] for m in ears.of("/model")}
    assert model == hashlib.sha256(plain_bundle).hexdigest()


def queued_scores(agent: Any) -> int:
    ledger = read_stats(agent.config.parent / "state", 1).ledger
    return ledger.assets[0].of("score").queued


def _decoder(struct: Any) -> Callable[[dict[str, Any]], object]:
    import msgspec

    return lambda body: msgspec.convert(body, struct)


MESSAGES_DECODED: dict[str, Callable[[dict[str, Any]], object]] = {
    kind: _decoder(struct) for kind, struct in MESSAGES.items()
}


def test_a_killed_agent_is_announced_by_its_last_will(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": QUICK})
    assert wait_until(lambda: ears.of("/score"))
    agent.stop(signal.SIGKILL)
    assert wait_until(lambda: ears.of("/status")[-1].body["reason"] == "connection lost")
    will = ears.of("/status")[-1].body
    assert will["state"] == "offline"
    assert will["session"] == ears.of("/status")[0].body["session"]


def test_a_broker_of_311_is_spoken_to_in_its_version(
    old_broker: int, start_agent: StartAgent, subscribe: Subscribe, protocol_311: int
) -> None:
    ears = subscribe(old_broker, protocol_311)
    agent = start_agent(old_broker, {"pump-1": FAULTY})
    assert wait_until(lambda: ears.of("/anomaly")), agent.said()
    assert ears.of("/status")[0].body["mqtt_protocol"] == "3.1.1"
    assert wait_until(lambda: any(m.body["score"] is not None for m in ears.of("/score")))
    code, seconds = agent.stop()
    assert (code, seconds < AT_ONCE_S) == (0, True), seconds
    assert wait_until(lambda: ears.of("/status")[-1].body["state"] == "offline")


def test_a_broker_that_restarts_gets_what_it_missed_and_what_it_forgot(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(mosquitto.port, {"pump-1": "interval_s = 0.1"})
    assert wait_until(lambda: len(ears.of("/score")) > 3)
    mosquitto.stop()
    assert wait_until(lambda: "connection ended" in agent.said())
    time.sleep(1.0)  # it goes on to score
    with agent.halted():
        mosquitto.start()
        again = subscribe(mosquitto.port)
    assert wait_until(lambda: [m for m in again.heard if m.topic.endswith("/status")])
    assert wait_until(lambda: [m for m in again.heard if m.topic.endswith("/model")])
    assert wait_until(lambda: again.of("/score") and not again.of("/score")[-1].body["historical"])
    assert wait_until(lambda: [m for m in again.of("/score") if m.body["historical"]])

    def missing() -> int:
        seqs = {m.body["seq"] for e in (ears, again) for m in e.of("/score")}
        return int(max(seqs)) + 1 - len(seqs)

    assert wait_until(lambda: missing() == 0), missing()  # what is late follows what is live


def test_the_agent_scores_without_a_broker_and_sends_it_all_when_there_is_one(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    mosquitto.stop()
    agent = start_agent(
        mosquitto.port, {"pump-1": "interval_s = 0.01\nblocks = 50\nloud_from = 20"}
    )
    assert wait_until(lambda: "refused" in agent.said())
    assert wait_until(lambda: queued_scores(agent) == 50)
    with agent.halted():
        mosquitto.start()
        ears = subscribe(mosquitto.port)
    assert wait_until(lambda: len(ears.of("/score")) == 50), len(ears.of("/score"))
    assert [m.body["index"] for m in ears.of("/score")] == list(range(50))
    assert wait_until(lambda: ears.of("/anomaly")[0].body["historical"])
    assert wait_until(lambda: ears.of("/alarm")[-1].body["alarm"])
    assert not ears.of("/alarm")[-1].body["historical"]


def test_a_broken_plugin_is_a_named_status_and_the_others_go_on(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    ears = subscribe(mosquitto.port)
    start_agent(
        mosquitto.port,
        {
            "pump-1": QUICK,
            "pump-2": "",
            "pump-3": f"{QUICK}\ncrash_at = 15",
            "pump-4": "refuse_open = true",
            "pump-5": "silent_from = 0",
        },
        plugins={"pump-2": "broken"},
        on_failure="ignore",
    )
    assert wait_until(lambda: len(ears.of("/pump-1/score")) > 20)
    states = {"pump-1": "running", "pump-2": "failed", "pump-3": "failed", "pump-4": "failed"}
    expected = {**states, "pump-5": "no_data"}
    assert wait_until(
        lambda: {a["name"]: a["state"] for a in ears.of("/status")[-1].body["assets"]} == expected
    )
    reasons = {a["name"]: a["reason"] for a in ears.of("/status")[-1].body["assets"]}
    assert "the driver is missing" in reasons["pump-2"]
    assert "divides by zero" in reasons["pump-3"]
    assert "no such device" in reasons["pump-4"]
    assert "no block" in reasons["pump-5"]
    assert wait_until(lambda: ears.of("/pump-3/alarm")[-1].body["data"] == "failed")
    assert not ears.of("/pump-3/alarm")[-1].body["alarm"]


def test_a_restart_goes_on_where_it_stopped(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    ears = subscribe(mosquitto.port)
    first = start_agent(mosquitto.port, {"pump-1": f"{QUICK}\nloud_from = 20"})
    assert wait_until(lambda: ears.of("/anomaly"))
    assert first.stop()[0] == 0
    session = ears.of("/score")[0].body["session"]
    start_agent(mosquitto.port, {"pump-1": f"{QUICK}\nloud_from = 0"})

    def after(end: str) -> list[dict[str, Any]]:
        return [m.body for m in ears.of(end) if m.body["session"] != session]

    assert wait_until(lambda: [after(end)[0] for end in ("/score", "/model", "/alarm")])
    assert after("/model")[0]["begun"] == "restored"
    score = after("/score")[0]
    before = {m.body["index"] for m in ears.of("/score") if m.body["session"] == session}
    assert (score["index"], score["gap"]) == (max(before) + 1, True)
    assert score["reason"] != "washout"
    alarm = after("/alarm")[0]
    assert alarm["alarm"]
    assert alarm["anomaly_id"] == ears.of("/anomaly")[0].body["anomaly_id"]


def test_name_and_password_let_the_agent_in_and_the_sample_acl_keeps_it_in_its_place(
    make_mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe, tmp_path: Path
) -> None:
    deploy = Path(__file__).parents[2] / "deploy" / "mosquitto"
    passwords = tmp_path / "passwords"
    passwords.touch()
    passwords.chmod(0o600)
    for name in ("gw-1", "gw-2", "viewer"):
        command = ["mosquitto_passwd", "-b", str(passwords), name, "hunter2"]
        subprocess.run(command, check=True, capture_output=True)
    acl = tmp_path / "acl"
    text = (deploy / "acl").read_text().replace("user scada", "user viewer")
    acl.write_text(text)
    acl.chmod(0o600)
    broker = make_mosquitto(
        "allow_anonymous false", f"password_file {passwords}", f"acl_file {acl}"
    )
    ears = subscribe(broker.port, login=("viewer", "hunter2"))
    mqtt = 'username = "gw-1"\npassword_env = "BROKER_PASSWORD"'
    agent = start_agent(broker.port, {"pump-1": QUICK}, mqtt=mqtt, BROKER_PASSWORD="hunter2")
    assert wait_until(lambda: ears.of("edge/v1/gw-1/pump-1/score")), agent.said()
    agent.stop()
    strange = 'username = "gw-2"\npassword_env = "BROKER_PASSWORD"'
    stranger = start_agent(broker.port, {"pump-1": QUICK}, mqtt=strange, BROKER_PASSWORD="hunter2")
    status = [sys.executable, "-m", "edge_agent.cli.agent", "status", "--json", "--config"]

    def refused() -> int:
        done = subprocess.run(
            [*status, str(stranger.config)], capture_output=True, text=True, check=False
        )
        return int(json.loads(done.stdout)["mqtt"]["refused"]) if done.returncode == 0 else 0

    assert wait_until(refused), stranger.said()
    assert len({m.body["session"] for m in ears.heard}) == 1
    assert "hunter2" not in agent.said() + stranger.said()


def test_a_wrong_password_is_said_without_saying_it(
    make_mosquitto: Any, start_agent: StartAgent, tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch()
    passwords.chmod(0o600)
    command = ["mosquitto_passwd", "-b", str(passwords), "gw-1", "hunter2"]
    subprocess.run(command, check=True, capture_output=True)
    broker = make_mosquitto("allow_anonymous false", f"password_file {passwords}")
    mqtt = 'username = "gw-1"\npassword_env = "BROKER_PASSWORD"'
    agent = start_agent(broker.port, {"pump-1": QUICK}, mqtt=mqtt, BROKER_PASSWORD="swordfish")
    assert wait_until(lambda: "refused the connection: Not authorized" in agent.said())
    assert "swordfish" not in agent.said()
    assert agent.stop()[1] < AT_ONCE_S


def test_systemd_is_told_of_readiness_watchdog_and_end(
    mosquitto: Any, start_agent: StartAgent, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60.0)
        agent = start_agent(
            mosquitto.port,
            {"pump-1": "refuse_open = true"},
            NOTIFY_SOCKET=str(tmp_path / "notify"),
            WATCHDOG_USEC="400000",
        )
        assert manager.recv(1000).startswith(b"READY=1\nSTATUS=watching 1 asset")
        assert [manager.recv(1000) for _ in range(5)] == [b"WATCHDOG=1"] * 5
        agent.stop()
        rest = b""
        while b"STOPPING=1" not in rest:
            rest = manager.recv(1000)


def test_status_asks_the_running_agent(mosquitto: Any, start_agent: StartAgent) -> None:
    agent = start_agent(mosquitto.port, {"pump-1": QUICK, "pump-2": "refuse_open = true"})
    command = [sys.executable, "-m", "edge_agent.cli.agent", "status", "--config"]

    def ask(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, str(agent.config), *more], capture_output=True, text=True, check=False
        )

    def shows(said: str) -> bool:
        return re.search(said, ask().stdout) is not None

    assert wait_until(lambda: ask().returncode == 0)
    assert wait_until(lambda: json.loads(ask("--json").stdout)["assets"][0]["scored"] > 0)
    for said in (
        r"pump-1 +running",
        r"pump-2: failed: .*no such device",
        r"connected for \d+ s, MQTT 5",
    ):
        assert wait_until(partial(shows, said)), ask().stdout
    agent.stop()
    assert ask().returncode == 69


def test_two_agents_do_not_share_a_state_directory(mosquitto: Any, start_agent: StartAgent) -> None:
    first = start_agent(mosquitto.port, {"pump-1": QUICK})
    assert wait_until(lambda: "connected" in first.said())
    second = start_agent(mosquitto.port, {"pump-1": QUICK})
    assert second.process.wait(120) == 75
    assert "another agent uses" in second.said()


def test_policy_error_ends_the_agent_with_a_reason(mosquitto: Any, start_agent: StartAgent) -> None:
    agent = start_agent(mosquitto.port, {"pump-1": "refuse_open = true"}, on_failure="error")
    assert agent.process.wait(120) == 69
    assert "asset pump-1: SensorError: no such device" in agent.said()


def test_an_agent_may_end_with_its_data(
    mosquitto: Any, start_agent: StartAgent, subscribe: Subscribe
) -> None:
    ears = subscribe(mosquitto.port)
    agent = start_agent(
        mosquitto.port, {"pump-1": "interval_s = 0\nblocks = 30"}, arguments=("--end-with-data",)
    )
    assert agent.process.wait(120) == 0
    assert wait_until(lambda: len(ears.of("/score")) == 30)


def test_an_agent_that_ends_with_its_data_first_waits_for_a_broker_that_is_slow_to_answer(
    old_broker: int, start_agent: StartAgent, subscribe: Subscribe, protocol_311: int
) -> None:
    ears = subscribe(old_broker, protocol_311)
    agent = start_agent(
        old_broker, {"pump-1": "interval_s = 0\nblocks = 30"}, arguments=("--end-with-data",)
    )
    assert agent.process.wait(120) == 0
    assert wait_until(lambda: len(ears.of("/score")) == 30)


def test_it_ends_at_once_while_the_broker_is_silent(start_agent: StartAgent) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        agent = start_agent(mute.getsockname()[1], {"pump-1": QUICK})
        connection, _ = mute.accept()
        with connection:
            time.sleep(0.5)
            code, seconds = agent.stop()
    assert code == 0
    assert seconds < AT_ONCE_S, seconds
