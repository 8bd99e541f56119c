"""The demonstration as ``make demo`` runs it, with fewer days."""

import re
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from paho.mqtt.publish import single

from demo.broker import HOST, running_broker
from demo.failure import DemoError
from demo.subscriber import subscribed

REPOSITORY = Path(__file__).parents[2]
TRAINING_S = 1800  # a busy machine with one core

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        find_spec("tensorflow") is None or find_spec("matplotlib") is None,
        reason="needs the extra 'trainer'",
    ),
]


def command(output: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "demo", "--quick", "--output", str(output), *more]


def assert_fleet_is_moved(said: str) -> None:
    """Versions 1.0.0 and 1.1.0 arrive; 1.2.0 is refused, 1.3.0 rolled back, 1.4.0 taken back."""
    ended = re.findall(r"^  bearing-1-(1\.\d\.0)-[\d-]+: (\w+)", said, re.MULTILINE)
    assert list(dict.fromkeys(ended)) == [
        ("1.0.0", "completed"),
        ("1.1.0", "completed"),
        ("1.3.0", "aborted"),
        ("1.4.0", "aborted"),
    ]
    assert said.count("3 of 3 gateways have proved it") == 2
    assert re.search(r"bearing-1-1\.2\.0\.edgemodel:\s+golden\s+window\s+\d+:\s+score\s+is", said)
    assert re.search(r"failed: rolled_back:\s+trial\s+bad:\s+bearing-", said)
    assert said.count("(exit code 65)") == 3


@pytest.mark.timeout(TRAINING_S)
def test_the_demonstration_trains_watches_and_hears_the_alarm(tmp_path: Path) -> None:
    output = tmp_path / "output"
    ran = subprocess.run(
        command(output), cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    assert re.search(r"\d d \d\d:\d\d +bearing-1 +OPEN +\d", said), said
    assert "120 received of 120" in said
    assert "no false alarms" in said
    assert_fleet_is_moved(said)
    lines = [line for line in ran.stdout.splitlines() if str(tmp_path) not in line]
    assert not [line for line in lines if len(line) > 100]
    assert "TensorFlow" not in said
    assert (output / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in output.iterdir()} >= {"bearing-1.edgemodel", "report.html"}


@pytest.mark.timeout(TRAINING_S)
def test_stopped_in_the_middle_it_leaves_no_process_behind(tmp_path: Path) -> None:
    with subprocess.Popen(
        command(tmp_path),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if line.startswith("training"):
                break
        children = _children(process.pid)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(120) == 130
    assert said == "demo: stopped\n"
    assert len(children) >= 2, "broker and trainer"
    gone, left = psutil.wait_procs(children, timeout=60)
    assert len(gone) == len(children), left


def test_a_recording_that_does_not_exist_is_said_in_one_line(tmp_path: Path) -> None:
    missing = tmp_path / "none.npz"
    ran = subprocess.run(
        command(tmp_path, "--recording", str(missing)),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 69
    assert ran.stderr.startswith(f"demo: {missing}: ")
    assert ran.stderr.count("\n") == 1


def test_through_the_embedded_broker_comes_what_was_published_and_only_that(tmp_path: Path) -> None:
    with (
        running_broker(tmp_path, tmp_path / "broker.log", embedded=True) as broker,
        subscribed(broker.port, "edge/v1/demo/#") as subscriber,
    ):
        assert broker.name == "amqtt"
        assert list(subscriber.rest()) == []
        single("edge/v1/demo/status", "{}", qos=1, hostname=HOST, port=broker.port)
        with pytest.raises(DemoError, match=r"edge/v1/demo/status: .*schema"):
            list(subscriber.rest())
    assert broker.process.poll() is not None


def _children(pid: int) -> list[psutil.Process]:
    """Return what the demonstration has started, once the trainer is among it."""
    deadline_s = time.monotonic() + 120
    while True:
        children = psutil.Process(pid).children(recursive=True)
        if len(children) > 1 or time.monotonic() > deadline_s:
            return children
        time.sleep(0.05)
