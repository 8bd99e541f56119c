import os
import subprocess
import sys

import pytest

from edge_agent.rollout.child import begin_child


def test_a_child_yields_to_the_agent() -> None:
    assert _begun() == os.nice(0) + 10


def test_a_sandbox_that_forbids_even_that_does_not_keep_a_child_from_its_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forbidden(_increment: int) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "nice", forbidden)
    monkeypatch.setattr("edge_agent.rollout.child.end_with", lambda _parent: None)
    begin_child(os.getppid())


def test_a_child_does_nothing_once_the_agent_is_gone() -> None:
    assert _begun(parent=0) is None


def _begun(parent: int | None = None) -> int | None:
    program = (
        "import os, sys; from edge_agent.rollout.child import begin_child;"
        " begin_child(int(sys.argv[1])); print(os.nice(0))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(os.getpid() if parent is None else parent)],
        capture_output=True,
        check=True,
        text=True,
    )
    return int(ended.stdout) if ended.stdout else None
