"""Runs commands as a shell would, with the bench's sensor plugins installed."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.cli.agent import main
from edge_agent.plugin import discovery

BENCH = Path(__file__).parents[1] / "bench"


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def run_command(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Ran]:
    """``run_command(main, "check", ...)`` in this process: a second is too long for every case."""

    def run(main: Callable[[list[str]], None], *arguments: object) -> Ran:
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as exited:
            main([str(argument) for argument in arguments])
        out, err = (text.decode() for text in capfdbinary.readouterr())
        assert "Traceback" not in out + err
        return Ran(int(exited.value.code or 0), out, err)

    return run


@pytest.fixture
def edge_agent(
    run_command: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """``edge_agent("check", ...)`` with the bench's plugins."""
    monkeypatch.syspath_prepend(BENCH)
    discovery.rescan()
    return lambda *arguments: run_command(main, *arguments)


@pytest.fixture
def edge_agent_process() -> Callable[..., Ran]:
    """The same in a process of its own."""

    def run(*arguments: object) -> Ran:
        command = [sys.executable, "-m", "edge_agent.cli.agent", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def recording(tmp_path: Path, vibration: Callable[..., Any]) -> Path:
    """Forty healthy windows, fifteen loud ones, thirty healthy ones, as a table with a head."""
    samples = np.concatenate(
        [vibration(40, seed=5), vibration(15, 1.0, seed=6), vibration(30, seed=7)]
    )
    path = tmp_path / "run.csv"
    np.savetxt(path, samples, fmt="%.7g", header="x", comments="")
    return path
