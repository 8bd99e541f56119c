import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from failing_disk import EndedError, FailingDisk
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge_agent.bundle.manifest import VERSION_LENGTH_MAX, identity_problem
from edge_agent.rollout.install.place import Lines, Placed, PlaceError

LINE = "press"


def placed(content: bytes, version: str) -> Placed:
    digest = hashlib.sha256(content).hexdigest()
    return Placed(name="bearing", version=version, sha256=digest, length=len(content))


def test_the_longest_version_has_a_folder(tmp_path: Path) -> None:
    version = "1.0.0-".ljust(VERSION_LENGTH_MAX, "x")
    assert identity_problem(LINE, version) is None
    lines = Lines(tmp_path)
    folder = lines.place(LINE, placed(b"a", version), b"a")
    lines.activate(LINE, folder)
    assert lines.model_file(LINE).read_bytes() == b"a"


def test_content_that_is_not_what_is_said_of_it_is_not_placed(tmp_path: Path) -> None:
    with pytest.raises(PlaceError, match="content is not that of"):
        Lines(tmp_path).place(LINE, placed(b"a", "1.0.0"), b"b")
    assert Lines(tmp_path).names() == ()


@pytest.mark.parametrize("line", ["", ".", "..", ".hidden", "a/b", "../press"])
def test_a_line_that_leads_elsewhere_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(PlaceError, match="allowed: a name that begins with no dot"):
        Lines(tmp_path / "models").place(line, placed(b"a", "1.0.0"), b"a")
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_placed_is_not_used(tmp_path: Path) -> None:
    lines = Lines(tmp_path)
    with pytest.raises(PlaceError, match=r"nothing whole in 1\.0\.0-00000000"):
        lines.activate(LINE, "1.0.0-00000000")
    folder = lines.place(LINE, placed(b"a", "1.0.0"), b"a")
    lines.model_file(LINE, folder).write_bytes(b"b")
    with pytest.raises(PlaceError, match="nothing whole"):
        lines.activate(LINE, folder)
    assert lines.current(LINE) is None


def test_after_a_proof_the_last_two_are_kept(tmp_path: Path) -> None:
    lines = Lines(tmp_path)
    folders = [lines.place(LINE, placed(bytes([n]), f"1.{n}.0"), bytes([n])) for n in range(5)]
    for folder in folders[:4]:
        lines.activate(LINE, folder)
    lines.prune(LINE, keep=(folders[4],))
    assert list(lines.installed(LINE)) == folders[2:]
    lines.prune(LINE)
    assert list(lines.installed(LINE)) == folders[2:4]


def test_what_was_replaced_before_it_had_proven_itself_is_not_one_of_the_two(
    tmp_path: Path,
) -> None:
    lines = Lines(tmp_path)

    def use(n: int) -> str:
        folder = lines.place(LINE, placed(bytes([n]), f"1.{n}.0"), bytes([n]))
        lines.activate(LINE, folder)
        return folder

    good = use(0)
    lines.prune(LINE)
    hasty, better = use(1), use(2)
    assert lines.before(LINE) == (good, hasty)
    lines.prune(LINE)
    assert list(lines.installed(LINE)) == [good, better]
    assert lines.roll_back(LINE, better) == good


class AnyOrder(RuleBasedStateMachine):
    """Whatever is done in whatever order, ended wherever: one whole model is used, or none yet."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.versions: dict[str, bytes] = {}
        self.has_run = False

    def teardown(self) -> None:
        shutil.rmtree(self.home)

    def do(self, end: tuple[int, Any] | None, act: Any) -> None:
        if end is None:
            act(Lines(self.home))
            return
        disk = FailingDisk(*end)
        try:
            act(Lines(self.home, disk))
        except EndedError:
            Lines(self.home).recover()
        except OSError:
            assert end[1] == "full"

    ends = st.none() | st.tuples(st.integers(0, 12), st.sampled_from(("process", "power", "full")))

    @rule(n=st.integers(0, 5), end=ends)
    def place(self, n: int, end: tuple[int, Any] | None) -> None:
        content = bytes([n])
        model = placed(content, f"1.{n}.0")
        self.versions[model.folder] = content
        self.do(end, lambda lines: lines.place(LINE, model, content))

    @rule(n=st.integers(0, 5), end=ends)
    def activate(self, n: int, end: tuple[int, Any] | None) -> None:
        folders = list(Lines(self.home).installed(LINE))
        if folders:
            folder = folders[n % len(folders)]
            self.do(end, lambda lines: lines.activate(LINE, folder))

    @rule(end=ends)
    def roll_back(self, end: tuple[int, Any] | None) -> None:
        current = Lines(self.home).current(LINE)
        if current is not None and Lines(self.home).before(LINE):
            self.do(end, lambda lines: lines.roll_back(LINE, current))

    @rule(end=ends)
    def prune(self, end: tuple[int, Any] | None) -> None:
        self.do(end, lambda lines: lines.prune(LINE))

    @rule(end=ends)
    def drop_unused(self, end: tuple[int, Any] | None) -> None:
        self.do(end, lambda lines: lines.drop_unused(LINE))

    @rule(end=ends)
    def recover(self, end: tuple[int, Any] | None) -> None:
        self.do(end, lambda lines: lines.recover())

    @invariant()
    def one_whole_model_is_used(self) -> None:
        lines = Lines(self.home)
        current = lines.current(LINE)
        link = self.home / LINE / "current"
        assert link.is_symlink() == (current is not None)
        if current is not None:
            self.has_run = True
            assert lines.model_file(LINE).read_bytes() == self.versions[current]
        assert not self.has_run or current is not None

    @invariant()
    def whatever_is_listed_is_whole(self) -> None:
        lines = Lines(self.home)
        for folder in lines.installed(LINE):
            assert lines.is_whole(LINE, folder)
        assert lines.current(LINE) not in lines.before(LINE)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=30, stateful_step_count=20)
