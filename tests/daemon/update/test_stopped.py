import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.daemon.keep import StateDirectory
from edge_agent.daemon.update.stopped import RunsError, installed_models, roll_back_stopped
from edge_agent.rollout.install.journal import Journal
from edge_agent.rollout.install.place import Lines, Placed, PlaceError

AGENT = 54_321  # a user's id


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """Where any user may go, other than below pytest's own folders."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "state").mkdir()
        yield folder / "state"


def use(state_dir: Path, *versions: str) -> None:
    lines = Lines(state_dir / "models")
    for version in versions:
        content = version.encode()
        placed = Placed(
            name="bearing",
            version=version,
            sha256=hashlib.sha256(content).hexdigest(),
            length=len(content),
        )
        lines.activate("press", lines.place("press", placed, content))


def test_a_running_agent_is_to_be_asked(state_dir: Path) -> None:
    use(state_dir, "1.0.0", "1.1.0")
    agent = StateDirectory(state_dir)
    assert agent.lock()
    with pytest.raises(RunsError):
        roll_back_stopped(state_dir, None, "kim")
    agent.close()
    assert roll_back_stopped(state_dir, None, "kim")["folder"].startswith("1.0.0-")
    with pytest.raises(PlaceError, match="nothing was in use before"):
        roll_back_stopped(state_dir, "press", "kim")


def test_what_was_done_by_hand_is_told_before_how_the_update_had_ended(state_dir: Path) -> None:
    use(state_dir, "1.0.0", "1.1.0", "1.2.0")
    Journal(state_dir / "update").enter("failed", "trial bad")
    for version in ("1.1.0", "1.0.0"):
        assert roll_back_stopped(state_dir, None, "kim")["folder"].startswith(f"{version}-")
        standing = Journal(state_dir / "update").standing
        assert standing.state == "failed"
        assert str(standing.reason).startswith(f"press was taken back to {version}-")
        assert str(standing.reason).endswith(" by kim; before that: trial bad")


def test_those_in_use_are_listed_first_and_damage_is_seen(state_dir: Path) -> None:
    use(state_dir, "1.0.0", "1.1.0", "1.2.0", "1.1.0")
    Lines(state_dir / "models").model_file("press").write_bytes(b"12345")
    found = [(one.model.version, one.use, one.damaged) for one in installed_models(state_dir)]
    assert found == [
        ("1.1.0", "current", True),
        ("1.0.0", "before", False),
        ("1.2.0", "before", False),
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_what_root_does_the_agent_s_user_can_undo(state_dir: Path) -> None:
    use(state_dir, "1.0.0", "1.1.0", "1.2.0", "1.1.0")
    for path in (state_dir, *state_dir.rglob("*")):
        os.chown(path, AGENT, AGENT, follow_symlinks=False)
    roll_back_stopped(state_dir, None, "kim")
    owners = {path.lstat().st_uid for path in (state_dir, *state_dir.rglob("*"))}
    assert owners == {AGENT}
    assert os.geteuid() == 0
