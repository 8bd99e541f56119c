"""The shell and Python examples of the subscriber's guide, with a real agent and broker."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.system

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "subscribe.md"
FENCE = re.compile(r"^```\w+ title=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(FENCE.findall(GUIDE.read_text(encoding="utf-8")))
FAULTY = "interval_s = 0.02\nloud_from = 20\nquiet_from = 40"

Listen = Callable[..., Path]


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Listen]:
    """``listen(example, *command, **environment)``: the file that its output goes to."""
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, *command: str, **environment: str) -> Path:
        (tmp_path / name).write_text(EXAMPLES[name], encoding="utf-8")
        out = tmp_path / f"{name}.out"
        with out.open("wb") as stream:
            started.append(
                subprocess.Popen(
                    command,
                    cwd=tmp_path,
                    stdout=stream,
                    stderr=stream,
                    env={**os.environ, **environment},
                    start_new_session=True,
                )
            )
        return out

    yield start
    for process in started:
        os.killpg(process.pid, 15)
        process.wait(5)


def said(out: Path, *texts: str, timeout_s: float = 20.0) -> str:
    """Return what was printed once all ``texts`` are in it, or the time is over."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s and not all(text in out.read_text() for text in texts):
        time.sleep(0.05)
    return out.read_text()


@pytest.mark.skipif(not shutil.which("mosquitto_sub"), reason="mosquitto_sub is not installed")
def test_the_terminal_shows_alarm_states(mosquitto: Any, start_agent: Any, listen: Listen) -> None:
    start_agent(mosquitto.port, {"pump-1": FAULTY})
    out = listen("listen.sh", "sh", "listen.sh", PORT=str(mosquitto.port))
    printed = said(out, '"alarm":true', '"alarm":false')
    assert "edge/v1/gw-1/pump-1/alarm {" in printed
    assert '"alarm":true' in printed


def test_python_tells_anomalies_once_and_silence_as_such(
    mosquitto: Any, start_agent: Any, listen: Listen
) -> None:
    out = listen("listen.py", sys.executable, "listen.py", "127.0.0.1", str(mosquitto.port))
    agent = start_agent(mosquitto.port, {"pump-1": FAULTY, "pump-2": "silent_from = 0"})
    printed = said(out, "pump-1: close", "pump-2: no alarm, but no_data", timeout_s=40.0)
    assert "gateway gw-1 is online" in printed
    assert printed.count("pump-1: open") == printed.count("pump-1: close") == 1
    assert "pump-2: no alarm, but no_data: no block for more than 5 s" in printed
    agent.stop()
    assert "gateway gw-1 is offline stopped" in said(out, "offline stopped")


@pytest.mark.skipif(not shutil.which("mosquitto_pub"), reason="mosquitto_pub is not installed")
def test_a_command_is_answered_where_its_sender_listens(
    mosquitto: Any, start_agent: Any, listen: Listen
) -> None:
    heard = listen("listen.sh", "sh", "listen.sh", PORT=str(mosquitto.port))
    start_agent(mosquitto.port, {"pump-1": "interval_s = 0.02\nloud_from = 20"})
    assert '"state":"open"' in said(heard, '"state":"open"', timeout_s=60.0)
    command = ("sh", "command.sh", "gw-1", "pump-1")
    out = listen("command.sh", *command, PORT=str(mosquitto.port), USER="kim")
    assert '"result":"ok"' in said(out, '"result":"ok"')
    assert '"by":"kim"' in said(heard, '"state":"acknowledged"')
