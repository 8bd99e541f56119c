"""Runs commands as a shell would, with the bench's sensor plugins installed."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
