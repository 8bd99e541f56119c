"""``edge-rollout`` as processes of its own, in one home folder."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gateways import PASSPHRASE

PATIENCE_S = 500.0

Rollout = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def rollout(tmp_path: Path) -> Iterator[Rollout]:
    """``rollout(*arguments)``: the command, in the home folder ``tmp_path / "home"``."""
    begun: list[subprocess.Popen[str]] = []
    known = {"EDGE_ROLLOUT_HOME": str(tmp_path / "home"), "EDGE_ROLLOUT_PASSPHRASE": PASSPHRASE}

    def begin(*arguments: str) -> "subprocess.Popen[str]":
        begun.append(
            subprocess.Popen(
                [sys.executable, "-m", "edge_agent.cli.rollout", *arguments],
                env={**os.environ, **known},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return begun[-1]

    yield begin
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE_S)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """The exit code, and all that was said."""
    out, error = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out + error
