"""A sensor in a process of its own, with real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from edge_agent.daemon.config.settings import SensorSettings
from edge_agent.daemon.sensors.isolated import IsolatedSensor, ProcessError, UnusableError
from edge_agent.plugin import Block, EndOfData

BENCH = Path(__file__).parents[2] / "bench"

Start = Callable[..., IsolatedSensor]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """``start(plugin, is_stopping=..., deadline_s=..., memory_max_mb=..., **options)``."""
    paths = [str(BENCH), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    made: list[IsolatedSensor] = []

    def make(
        plugin: str = "bad",
        is_stopping: Callable[[], bool] = lambda: False,
        deadline_s: float = 60.0,
        memory_max_mb: float | None = None,
        **options: Any,
    ) -> IsolatedSensor:
        settings = SensorSettings(
            plugin=plugin,
            isolation="process",
            deadline_s=deadline_s,
            memory_max_mb=memory_max_mb,
            options=options,
        )
        made.append(IsolatedSensor(settings, is_stopping))
        return made[-1]

    yield make
    for sensor in made:
        sensor.close()


def children() -> list[psutil.Process]:
    """Return the sensors' processes; other tests may have left a child of another kind."""
    module = "edge_agent.daemon.sensors.process"
    return [child for child in psutil.Process().children() if module in child.cmdline()]


def read_all(sensor: IsolatedSensor, timeout_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        sensor.read(0.25)


def next_block(sensor: IsolatedSensor) -> Block:
    while (block := sensor.read(0.25)) is None:
        pass
    return block


def test_samples_come_through_shared_memory_as_they_are(start: Start) -> None:
    sensor = start("bench", interval_s=0.0, blocks=3, channels=["a", "b"], length=5000)
    sensor.open()
    assert (sensor.version, sensor.info.channels) == ("1", ("a", "b"))
    blocks = [next_block(sensor) for _ in range(3)]
    with pytest.raises(EndOfData):
        read_all(sensor)
    noise = np.random.default_rng(2).standard_normal((5000, 2))
    phase = 2 * np.pi * 50.0 * (np.arange(5000) + 2 * 5000) / 1024.0
    expected = 0.1 * (0.8 * noise + 0.6 * np.sqrt(2.0) * np.sin(phase)[:, None])
    np.testing.assert_array_equal(blocks[2].samples, expected.astype(np.float32))
    assert not np.array_equal(blocks[0].samples, blocks[2].samples)  # a copy each
    assert blocks[2].start_ns > blocks[0].start_ns


def test_closing_ends_the_process_and_opening_starts_another(start: Start) -> None:
    sensor = start("bench")
    for _ in range(2):
        sensor.open()
        assert len(children()) == 1
        sensor.close()
        assert children() == []


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("segfaults", "the plugin's process died of SIGSEGV"),
        ("aborts", "the plugin's process died of SIGABRT"),
        ("raises", "ZeroDivisionError: the plugin divides by zero"),
        ("exits", "SystemExit: 3"),
        ("hangs", r"read has not returned for \d+ s; process ended"),
        ("delivers_too_much", "a block of 37748736 bytes; allowed: at most"),
        ("delivers_doubles", "samples of float64"),
        ("delivers_no_block", "the plugin delivered list; allowed: a Block"),
    ],
)
def test_whatever_the_plugin_does_is_a_sentence(start: Start, how: str, said: str) -> None:
    sensor = start(how=how, after=0, deadline_s=3.0 if how == "hangs" else 60.0)
    sensor.open()
    with pytest.raises(ProcessError, match=said):
        read_all(sensor)


def test_a_process_that_grows_too_large_is_ended(start: Start) -> None:
    sensor = start(how="leaks", after=0, memory_max_mb=150.0)
    sensor.open()
    with pytest.raises(ProcessError, match=r"has \d+ MB, allowed: 150; process ended"):
        read_all(sensor)


def test_a_plugin_that_cannot_be_loaded_is_told_from_one_that_failed(start: Start) -> None:
    with pytest.raises(UnusableError, match="the driver is missing"):
        start("broken").open()
    with pytest.raises(UnusableError, match="rate_hz"):
        start("bench", rate_hz="fast").open()
    with pytest.raises(ProcessError, match="SensorError: no such device"):
        start("bench", refuse_open=True).open()
    assert children() == []


def test_a_hang_in_open_or_close_ends_as_well(start: Start) -> None:
    with pytest.raises(ProcessError, match="open has not returned"):
        start(how="hangs_in_open", deadline_s=0.5).open()
    sensor = start(how="hangs_in_close")
    sensor.open()
    sensor.close()
    assert children() == []


def test_whoever_stops_does_not_wait_for_a_hang(start: Start) -> None:
    stopping = False
    sensor = start(how="hangs", after=0, deadline_s=60.0, is_stopping=lambda: stopping)
    sensor.open()
    stopping = True
    with pytest.raises(ProcessError, match="stopped"):
        read_all(sensor)
    sensor.close()


def test_the_process_leaves_signals_of_the_service_to_the_agent(start: Start) -> None:
    sensor = start("bench", interval_s=0.0)
    sensor.open()
    (process,) = children()
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    assert len(next_block(sensor).samples) == 256


_AGENT = """
import sys, time
from edge_agent.daemon.sensors.isolated import IsolatedSensor
from edge_agent.daemon.config.settings import SensorSettings
settings = SensorSettings(
    plugin="bad", isolation="process", options={"how": "hangs", "after": 0}
)
sensor = IsolatedSensor(settings, lambda: False)
sensor.open()
print("open", flush=True)
sensor.read(0.25)
"""


def test_no_process_outlives_an_agent_that_is_killed(start: Start) -> None:
    """Even while the plugin hangs."""
    with subprocess.Popen([sys.executable, "-c", _AGENT], stdout=subprocess.PIPE) as agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == b"open\n"
        (orphan,) = psutil.Process(agent.pid).children()
        time.sleep(0.5)
        agent.kill()
    psutil.wait_procs([orphan], timeout=60.0)
    assert not orphan.is_running()
