import os
import shutil
from pathlib import Path

import msgspec
import pytest

from edge_agent.daemon.keep import StateDirectory, why_unusable
from edge_agent.daemon.keeper import Keeper
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.model import Model
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.state import FlowState

SHA = "a" * 64


@pytest.fixture
def state(flow_spec: FlowSpec, model: Model) -> FlowState:
    return Flow(flow_spec, model).state()


def test_what_is_saved_is_loaded(tmp_path: Path, state: FlowState) -> None:
    directory = StateDirectory(tmp_path)
    directory.save("pump-1", SHA, "source", 17, state)
    saved = directory.load("pump-1")
    assert saved is not None
    assert (saved.model_id, saved.last_start_ns, saved.flow) == (SHA, 17, state)


def test_nothing_is_loaded_where_nothing_was_saved(tmp_path: Path) -> None:
    assert StateDirectory(tmp_path).load("pump-1") is None


@pytest.mark.parametrize("keep", [0, 1, 20, -1])
def test_a_damaged_state_begins_empty_with_a_line_in_the_log(
    tmp_path: Path, state: FlowState, keep: int, caplog: pytest.LogCaptureFixture
) -> None:
    directory = StateDirectory(tmp_path)
    directory.save("pump-1", SHA, "source", 17, state)
    file = tmp_path / "assets" / "pump-1.state"
    file.write_bytes(file.read_bytes()[:keep])
    assert directory.load("pump-1") is None
    assert "not usable" in caplog.text


@pytest.mark.parametrize("name", [".", "..", "a.b", "-"])
def test_every_allowed_name_has_a_file_of_its_own(
    tmp_path: Path, state: FlowState, name: str
) -> None:
    directory = StateDirectory(tmp_path / "state")
    directory.save(name, SHA, "source", 17, state)
    assert directory.load(name) is not None
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_text_that_is_none_in_a_saved_state_is_not_usable(
    tmp_path: Path, state: FlowState, caplog: pytest.LogCaptureFixture
) -> None:
    directory = StateDirectory(tmp_path)
    directory.save("pump-1", SHA, "source", 17, state)
    file = tmp_path / "assets" / "pump-1.state"
    content = file.read_bytes()
    assert SHA.encode() in content
    file.write_bytes(content.replace(SHA.encode(), b"\xb9" * len(SHA)))
    assert directory.load("pump-1") is None
    assert "not usable" in caplog.text


def test_saving_where_nothing_can_be_written_is_logged(
    tmp_path: Path, state: FlowState, caplog: pytest.LogCaptureFixture
) -> None:
    directory = StateDirectory(tmp_path)
    (tmp_path / "assets").rmdir()
    (tmp_path / "assets").write_text("in the way")
    directory.save("pump-1", SHA, "source", 17, state)
    assert "cannot be saved" in caplog.text


def test_one_state_directory_has_one_agent(tmp_path: Path) -> None:
    first, second = StateDirectory(tmp_path), StateDirectory(tmp_path)
    assert first.lock()
    assert not second.lock()
    first.close()
    assert second.lock()
    second.close()


def test_the_keeper_does_all_jobs_before_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    keeper, done = Keeper(), list[int]()

    def fail() -> None:
        raise OSError(28, "No space left on device")

    keeper.start()
    keeper.do(lambda: done.append(1))
    keeper.do(fail)
    keeper.do(lambda: done.append(2))
    assert keeper.stop(1.0)
    assert done == [1, 2]
    assert "No space left" in caplog.text


def test_a_state_of_another_format_is_not_loaded(tmp_path: Path, state: FlowState) -> None:
    directory = StateDirectory(tmp_path)
    directory.save("pump-1", SHA, "source", 17, state)
    file = tmp_path / "assets" / "pump-1.state"
    raw = msgspec.msgpack.decode(file.read_bytes())
    file.write_bytes(msgspec.msgpack.encode({**raw, "format": 1}))
    assert directory.load("pump-1") is None


@pytest.mark.parametrize("name", ["", "assets", "lock"])
def test_a_folder_is_unusable_as_the_agent_would_find_it(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "state"
    directory = StateDirectory(folder)
    assert directory.lock()
    assert why_unusable(folder) is None  # also while an agent works there
    directory.close()
    shutil.rmtree(folder)
    if name == "lock":
        (folder / name).mkdir(parents=True)
    else:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("in the way")
    assert str(folder) in (why_unusable(folder) or "")
    with pytest.raises(OSError, match="state"):
        StateDirectory(folder).lock()


@pytest.mark.parametrize("name", ["x" * 300, "link"])
def test_a_folder_that_cannot_be_created_is_unusable(tmp_path: Path, name: str) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    assert why_unusable(tmp_path / name) is not None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_unusable(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "Permission denied" in (why_unusable(tmp_path / "state") or "")
