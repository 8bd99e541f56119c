import os
import subprocess
from pathlib import Path

import pytest

from edge_agent.rollout.child import begin_child, child_command


def test_a_child_yields_to_the_agent_before_it_imports_anything(tmp_path: Path) -> None:
    assert _begun(tmp_path) == min(os.nice(0) + 10, 19)


def test_a_sandbox_that_forbids_even_that_does_not_keep_a_child_from_its_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forbidden(_increment: int) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "nice", forbidden)
    monkeypatch.setattr("edge_agent.rollout.child.end_with", lambda _parent: None)
    begin_child(os.getppid())


def test_a_child_does_nothing_once_the_agent_is_gone(tmp_path: Path) -> None:
    assert _begun(tmp_path, parent=0) is None


def _begun(folder: Path, parent: int | None = None) -> int | None:
    """Return the niceness that a module finds as a child; None where it was not run."""
    (folder / "asks.py").write_text("import os; print(os.nice(0))")
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    *command, module, own = child_command("asks")
    ended = subprocess.run(
        [*command, module, own if parent is None else str(parent)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        check=True,
        text=True,
    )
    return int(ended.stdout) if ended.stdout else None
