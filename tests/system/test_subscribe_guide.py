"""The shell and Python examples of the subscriber's guide, with a real agent and broker."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

pytestmark = pytest.mark.system

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "subscribe.md"
FENCE = re.compile(r"^```\w+ title=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(FENCE.findall(GUIDE.read_text(encoding="utf-8")))

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
        process.wait()


def said(out: Path, *texts: str) -> str:
    """Return what was printed once all ``texts`` are in it, or the time is over."""
    wait_until(lambda: all(text in out.read_text() for text in texts))
    return out.read_text()


@pytest.mark.skipif(not shutil.which("mosquitto_sub"), reason="mosquitto_sub is not installed")
def test_the_terminal_shows_alarm_states(
    mosquitto: Any, start_agent: Any, listen: Listen, tmp_path: Path
) -> None:
    loud = tmp_path / "loud"
    start_agent(mosquitto.port, {"pump-1": f'interval_s = 0.02\nloud_while = "{loud}"'})
    out = listen("listen.sh", "sh", "listen.sh", PORT=str(mosquitto.port))
    assert "edge/v1/gw-1/pump-1/alarm {" in said(out, '"alarm":false')
    loud.touch()
    assert '"alarm":true' in said(out, '"alarm":true')


def test_python_tells_anomalies_once_and_silence_as_such(
    mosquitto: Any, start_agent: Any, listen: Listen, tmp_path: Path
) -> None:
    loud = tmp_path / "loud"
    out = listen("listen.py", sys.executable, "listen.py", "127.0.0.1", str(mosquitto.port))
    faulty = f'interval_s = 0.02\nloud_while = "{loud}"'
    agent = start_agent(mosquitto.port, {"pump-1": faulty, "pump-2": "silent_from = 0"})
    assert "gateway gw-1 is online" in said(out, "gateway gw-1 is online")  # so it listens
    loud.touch()
    assert "pump-1: open" in said(out, "pump-1: open")
    loud.unlink()
    printed = said(out, "pump-1: close", "pump-2: no alarm, but no_data")
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
    assert '"state":"open"' in said(heard, '"state":"open"')
    command = ("sh", "command.sh", "gw-1", "pump-1")
    out = listen("command.sh", *command, PORT=str(mosquitto.port), USER="kim")
    assert '"result":"ok"' in said(out, '"result":"ok"')
    assert '"by":"kim"' in said(heard, '"state":"acknowledged"')
