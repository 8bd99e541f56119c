"""Looking into a running agent: a real scrape, and the socket for tap and record."""

import contextlib
import fcntl
import json
import os
import pty
import signal
import stat
import struct
import subprocess
import sys
import termios
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from waiting import wait_until

from edge_agent.daemon.local.client import connected
from edge_agent.recordings import open_recording

pytestmark = pytest.mark.system

StartAgent = Callable[..., Any]

QUICK = "interval_s = 0.02"
FAULTY = "interval_s = 0.02\nloud_from = 20"


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
    connected_now = "edge_agent_mqtt_connected[]"
    assert wait_until(lambda: samples(report(agent)["metrics"])[connected_now] == 1.0)
    now = samples(report(agent)["metrics"])
    assert now["edge_agent_anomaly_open['pump-1']"] == 0.0
    assert now["edge_agent_anomaly_open['pump-2']"] == 1.0
    assert now["edge_agent_anomaly_severity_ratio['pump-2']"] > 1.0
    assert now["edge_agent_asset_state['pump-1', 'running']"] == 1.0
    scored = "edge_agent_windows_total['pump-1', 'scored']"
    assert wait_until(lambda: samples(report(agent)["metrics"])[scored] > now[scored])
    assert agent.stop()[0] == 0


def test_a_port_in_use_costs_the_metrics_alone(mosquitto: Any, start_agent: StartAgent) -> None:
    taken = f'listen = "127.0.0.1:{mosquitto.port}"'
    agent = start_agent(mosquitto.port, {"pump-1": QUICK}, metrics=taken)
    assert wait_until(lambda: any(a["windows"] for a in report(agent)["assets"]))
    assert report(agent)["metrics"] is None
    assert wait_until(lambda: "no metrics: 127.0.0.1" in agent.said())
    assert agent.stop()[0] == 0


def ask(agent: Any, *arguments: str, timeout_s: float = 300.0) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "edge_agent.cli.agent", arguments[0]]
    done = subprocess.run(
        [*command, "--config", str(agent.config), *arguments[1:]],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def running(agent: Any) -> bool:
    return bool(report(agent)["assets"]) and all(a["windows"] for a in report(agent)["assets"])


def test_tap_shows_every_window_while_it_looks(mosquitto: Any, start_agent: StartAgent) -> None:
    agent = start_agent(mosquitto.port, {"pump-1": QUICK, "pump-2": FAULTY})
    assert wait_until(lambda: running(agent) and any(a["anomaly"] for a in report(agent)["assets"]))
    code, out, _ = ask(agent, "tap", "--json", "--for", "4s")
    said = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [one["asset"] for one in said[:2]] == ["pump-1", "pump-2"]
    windows = [one["index"] for one in said if one["type"] == "window" and one["asset"] == "pump-1"]
    assert len(windows) > 20
    assert windows == list(range(windows[0], windows[0] + len(windows)))
    assert {one["asset"] for one in said if one["type"] == "window" and one["anomaly"]} == {
        "pump-2"
    }
    code, out, _ = ask(agent, "tap", "pump-1", "--for", "2s")
    assert code == 0
    assert "pump-1: running" in out
    assert "pump-2" not in out
    assert agent.stop()[0] == 0


def test_tap_draws_a_screen_on_a_terminal_and_gives_it_back(
    mosquitto: Any, start_agent: StartAgent
) -> None:
    agent = start_agent(mosquitto.port, {"pump-1": QUICK})
    assert wait_until(lambda: running(agent))
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "edge_agent.cli.agent", "tap", "--config", str(agent.config)]
    # A shell that runs tests in the background has told them to ignore Ctrl-C.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    tap = subprocess.Popen(command, stdout=slave, env={**os.environ, "TERM": "xterm"})
    signal.signal(signal.SIGINT, inherited)
    os.close(slave)
    drawn = b""
    try:
        while b"pump-1" not in drawn:
            drawn += os.read(master, 65536)
        tap.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # nobody writes any more
            while True:
                drawn += os.read(master, 65536)
        assert tap.wait() == 0
    finally:
        tap.kill()
        tap.wait()
        os.close(master)
    assert b"gw-1: 1 asset, none in alarm" in drawn
    assert drawn.endswith(b"\x1b[?1049l")
    assert agent.stop()[0] == 0


def test_a_viewer_that_does_not_read_delays_no_window(
    mosquitto: Any, start_agent: StartAgent
) -> None:
    agent = start_agent(mosquitto.port, {"pump-1": "interval_s = 0.001"})
    assert wait_until(lambda: running(agent))
    lazy = connected(Path(report(agent)["socket"]))
    lazy.sendall(b'{"want":"blocks","asset":"pump-1"}\n')
    before = report(agent)["assets"][0]["windows"]
    assert wait_until(lambda: report(agent)["assets"][0]["windows"] > before + 200)
    assert ask(agent, "tap", "pump-1", "--for", "0.5s")[0] == 0
    lazy.close()
    assert agent.stop()[0] == 0


@pytest.mark.parametrize("said", [b"\n", b"{}\n", b"\xff" * 9000, b'{"want":"keys"}\n'])
def test_nonsense_on_the_socket_is_hung_up_on(
    mosquitto: Any, start_agent: StartAgent, said: bytes
) -> None:
    agent = start_agent(mosquitto.port, {"pump-1": QUICK})
    assert wait_until(lambda: running(agent))
    with connected(Path(report(agent)["socket"])) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(said)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""
    assert ask(agent, "tap", "--for", "0.2s")[0] == 0
    assert agent.stop()[0] == 0


def test_what_is_recorded_is_what_the_agent_scored(
    mosquitto: Any, start_agent: StartAgent, tmp_path: Path, bundle_file: Path
) -> None:
    agent = start_agent(mosquitto.port, {"pump-1": QUICK})
    assert wait_until(lambda: running(agent))
    out = tmp_path / "pump-1.npz"
    code, said, _ = ask(agent, "record", "pump-1", "--out", str(out), "--for", "4s", "--json")
    assert code == 0
    recorded = json.loads(said)
    assert recorded["ended"] == "the time was over"
    recording = open_recording(out)
    assert (recording.channels, recording.rate_hz, recording.unit) == (("x",), 1024.0, "g")
    assert recording.length == recorded["samples"] > 20 * 256
    assert (recorded["gaps"], recorded["left_out"]) == (0, 0)
    command = ("replay", "--bundle", str(bundle_file), "--recording", str(out), "--json")
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent.cli.agent", *command],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert json.loads(done.stdout)["windows"] == recorded["samples"] // 256
    assert agent.stop()[0] == 0


def test_a_recording_is_bounded(mosquitto: Any, start_agent: StartAgent, tmp_path: Path) -> None:
    agent = start_agent(mosquitto.port, {"pump-1": "interval_s = 0.0"})
    assert wait_until(lambda: running(agent))
    out = tmp_path / "pump-1.npz"
    options = ("--out", str(out), "--for", "250s", "--max-mb", "1")
    code, said, _ = ask(agent, "record", "pump-1", *options)
    assert code == 0
    assert "1 MB are full" in said
    assert out.stat().st_size < 1_100_000
    assert agent.stop()[0] == 0


def test_the_socket_is_for_root_and_the_agents_user_alone(
    mosquitto: Any, start_agent: StartAgent
) -> None:
    agent = start_agent(mosquitto.port, {"pump-1": QUICK})
    assert wait_until(lambda: running(agent))
    assert stat.S_IMODE(Path(report(agent)["socket"]).stat().st_mode) == 0o600
    assert agent.stop()[0] == 0
    assert not Path(report(agent).get("socket") or "nothing").exists()


def test_without_an_agent_nothing_can_be_seen(
    mosquitto: Any, start_agent: StartAgent, tmp_path: Path
) -> None:
    agent = start_agent(mosquitto.port, {"pump-1": QUICK})
    assert wait_until(lambda: running(agent))
    out = str(tmp_path / "x.npz")
    assert ask(agent, "record", "pump-9", "--out", out, "--for", "1s")[0] == 64
    agent.stop(signal.SIGKILL)
    for command in (("tap",), ("record", "pump-1", "--out", out, "--for", "1s"), ("status",)):
        code, _, said = ask(agent, *command)
        assert code == 69, said
        assert "does not run any more" in said
