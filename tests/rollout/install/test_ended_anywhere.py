"""The process is killed, the power fails, the disk is full: before every call that changes it.

Whenever that is, afterwards there is exactly one model in use: the old or the new one, complete.
"""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from failing_disk import End, EndedError, FailingDisk
from fitted import LINE, Gateway, wanted

from edge_agent.disk import Disk
from edge_agent.rollout.install.journal import Journal, Standing
from edge_agent.rollout.install.place import Lines, Placed
from edge_agent.rollout.install.prepare import prepare

ENDS: tuple[End, ...] = ("process", "power")
Act = Callable[[Lines], object]


def content_of(version: str) -> bytes:
    return version.encode() * 100


def put(lines: Lines, version: str) -> str:
    content = content_of(version)
    digest = hashlib.sha256(content).hexdigest()
    placed = Placed(name="bearing", version=version, sha256=digest, length=len(content))
    return lines.place(LINE, placed, content)


def folder_of(version: str) -> str:
    return f"{version}-{hashlib.sha256(content_of(version)).hexdigest()[:8]}"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Three models ran one after the other, the third is in use; a fourth was never used."""
    lines = Lines(tmp_path / "before" / "models")
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        lines.activate(LINE, put(lines, version))
    put(lines, "4.0.0")
    return tmp_path / "before" / "models"


def damage(lines: Lines) -> None:
    lines.model_file(LINE).write_bytes(b"worn out")


def take_over(lines: Lines) -> None:
    lines.activate(LINE, put(lines, "5.0.0"))


def replace_damaged(lines: Lines) -> None:
    put(lines, "3.0.0")


ACTS: dict[str, tuple[Act, set[str]]] = {
    "place": (lambda lines: put(lines, "5.0.0"), {"3.0.0"}),
    "activate": (lambda lines: lines.activate(LINE, folder_of("4.0.0")), {"3.0.0", "4.0.0"}),
    "activate an old one": (
        lambda lines: lines.activate(LINE, folder_of("1.0.0")),
        {"3.0.0", "1.0.0"},
    ),
    "take over": (take_over, {"3.0.0", "5.0.0"}),
    "roll back": (lambda lines: lines.roll_back(LINE, folder_of("3.0.0")), {"3.0.0", "2.0.0"}),
    "prune": (lambda lines: lines.prune(LINE), {"3.0.0"}),
    "drop what is unused": (lambda lines: lines.drop_unused(LINE), {"3.0.0"}),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("act", ACTS)
def test_ended_anywhere_one_whole_model_is_in_use(models: Path, act: str, end: End) -> None:
    do, allowed = ACTS[act]
    for after in every_end(models, do, end):
        lines = Lines(after)
        lines.recover()
        used = lines.current(LINE)
        assert used in {folder_of(version) for version in allowed}
        assert lines.is_whole(LINE, used)
        assert not [entry for entry in (after / LINE).iterdir() if entry.name.startswith(".")]
        do(lines)
        assert lines.is_whole(LINE, str(lines.current(LINE)))
        folders = {e.name for e in (after / LINE).iterdir() if e.is_dir() and not e.is_symlink()}
        assert folders == set(lines.installed(LINE))


@pytest.mark.parametrize("act", ACTS)
def test_what_is_done_outlives_a_power_cut(models: Path, act: str) -> None:
    do, _ = ACTS[act]
    expected = fresh(models, 0)
    do(Lines(expected))
    after, disk = fresh(models, 1), FailingDisk()
    do(Lines(after, disk))
    disk.lose_power()
    lines = Lines(after)
    assert lines.recover() == ()
    assert lines.current(LINE) == Lines(expected).current(LINE)
    assert lines.before(LINE) == Lines(expected).before(LINE)
    assert lines.installed(LINE) == Lines(expected).installed(LINE)
    assert all(lines.is_whole(LINE, folder) for folder in lines.installed(LINE))


@pytest.mark.parametrize("end", ENDS)
def test_ended_anywhere_a_model_that_took_over_can_be_taken_back(models: Path, end: End) -> None:
    for after in every_end(models, take_over, end):
        lines = Lines(after)
        lines.recover()
        assert lines.roll_back(LINE, folder_of("5.0.0")) == folder_of("3.0.0")
        assert lines.before(LINE)[-1] == folder_of("2.0.0")


@pytest.mark.parametrize("end", ENDS)
def test_ended_anywhere_the_first_model_is_in_use_or_none(tmp_path: Path, end: End) -> None:
    (tmp_path / "before").mkdir()
    for after in every_end(tmp_path / "before" / "models", take_over, end):
        lines = Lines(after)
        lines.recover()
        assert lines.current(LINE) in (None, folder_of("5.0.0"))
        take_over(lines)
        assert lines.is_whole(LINE, folder_of("5.0.0"))
        assert lines.roll_back(LINE, folder_of("5.0.0")) is None
        assert lines.current(LINE) is None
        assert not (after / LINE / "current").is_symlink()


def test_a_first_model_and_the_journal_outlive_a_power_cut(tmp_path: Path) -> None:
    disk = FailingDisk()
    take_over(Lines(tmp_path / "models", disk))
    Journal(tmp_path / "update", disk).enter("rejected", "of no use")
    Journal(tmp_path / "update", disk).enter("downloading")
    disk.lose_power()
    assert Lines(tmp_path / "models").current(LINE) == folder_of("5.0.0")
    assert Journal(tmp_path / "update").standing.state == "downloading"


@pytest.mark.parametrize("end", ENDS)
def test_ended_anywhere_a_damaged_model_is_left_for_the_one_before(models: Path, end: End) -> None:
    damage(Lines(models))
    for after in every_end(models, lambda lines: lines.recover(), end):
        lines = Lines(after)
        lines.recover()
        assert lines.current(LINE) == folder_of("2.0.0")
        assert lines.is_whole(LINE, folder_of("2.0.0"))


def test_a_model_in_use_that_is_damaged_is_put_right_without_a_moment_without(
    models: Path,
) -> None:
    damage(Lines(models))
    for after in every_end(models, replace_damaged, "process"):
        assert (after / LINE / "current" / "model.edgemodel").exists()
        replace_damaged(Lines(after))
        assert Lines(after).is_whole(LINE, folder_of("3.0.0"))


@pytest.mark.parametrize("act", ["place", "activate", "take over", "roll back"])
def test_a_full_disk_changes_nothing_and_leaves_nothing(models: Path, act: str) -> None:
    do, allowed = ACTS[act]
    for calls in range(counted(models, do)):
        after = fresh(models)
        ended = "without a word"
        try:
            do(Lines(after, FailingDisk(calls, "full")))
        except OSError as error:
            ended = str(error)
        used = str(Lines(after).current(LINE))
        assert Lines(after).is_whole(LINE, used)
        assert not [entry for entry in (after / LINE).iterdir() if entry.name.startswith(".")]
        if "No space left" in ended:
            assert used == folder_of("3.0.0")
        else:  # what was left to do needs no space
            assert ended == "without a word"
            assert used in {folder_of(version) for version in allowed}


@pytest.mark.parametrize("end", ENDS)
def test_ended_anywhere_the_journal_is_the_old_or_the_new_one(tmp_path: Path, end: End) -> None:
    def step(folder: Path, disk: Disk) -> Standing:
        return Journal(folder, disk).enter("rejected", "of no use", number=7)

    before = tmp_path / "update"
    Journal(before).enter("downloading", number=6)
    for calls in range(_calls_of(before, step)):
        after = fresh(before)
        with pytest.raises(EndedError):
            step(after, FailingDisk(calls, end))
        journal = Journal(after)
        assert journal.lost is None
        assert (journal.standing.state, journal.standing.number) in (
            ("downloading", 6),
            ("rejected", 7),
        )
        assert step(after, Disk()).state == "rejected"


@pytest.mark.system
@pytest.mark.parametrize("end", ENDS)
def test_ended_anywhere_a_preparation_begins_again_with_what_was_verified(
    gateway: Gateway, old: bytes, new: bytes, end: End
) -> None:
    gateway.run(old)
    gateway.publish(new)
    envelope = gateway.forge.seal(gateway.desire(new))
    before, home = gateway.home, gateway.home.parent / "after"
    gateway.disk = counting = FailingDisk()
    shutil.copytree(before, home, symlinks=True)
    gateway.home = home
    assert gateway.prepare(envelope).state == "staged"
    for calls in range(counting.calls):
        shutil.rmtree(home)
        shutil.copytree(before, home, symlinks=True)
        gateway.disk = FailingDisk(calls, end)
        with pytest.raises(EndedError):
            gateway.prepare(envelope)
        gateway.disk = Disk()
        gateway.lines.recover()
        assert gateway.lines.model_file(LINE).read_bytes() == old
        outcome = gateway.prepare(envelope)
        assert outcome.state == "staged", outcome.reason
        assert gateway.lines.model_file(LINE, outcome.staged[LINE]).read_bytes() == new


def test_a_full_disk_is_a_reason_and_worth_another_attempt(
    gateway: Gateway, old: bytes, new: bytes
) -> None:
    gateway.run(old)
    gateway.publish(new)
    envelope = gateway.forge.seal(gateway.desire(new))
    order = gateway.order(envelope)
    for counting in (FailingDisk(), FailingDisk()):  # the second time as it is going to be
        prepare(order, lambda _said: None, counting)
        shutil.rmtree(gateway.state_dir / "models" / LINE / wanted_folder(new))
    outcome = prepare(order, lambda _said: None, FailingDisk(counting.calls // 2, "full"))
    assert outcome.state == "failed"
    assert outcome.again
    assert "No space left on device" in str(outcome.reason)
    assert gateway.lines.model_file(LINE).read_bytes() == old


def wanted_folder(bundle: bytes) -> str:
    model = wanted(bundle)
    return f"{model.version}-{model.sha256[:8]}"


def every_end(models: Path, do: Act, end: End) -> list[Path]:
    """Return what ``do`` leaves of copies of ``models``, ended before each of its calls."""
    left = []
    for calls in range(counted(models, do)):
        after = fresh(models, calls)
        with pytest.raises(EndedError):
            do(Lines(after, FailingDisk(calls, end)))
        left.append(after)
    assert left
    return left


def counted(models: Path, do: Act) -> int:
    disk = FailingDisk()
    do(Lines(fresh(models), disk))
    return disk.calls


def _calls_of(folder: Path, step: Callable[[Path, Disk], object]) -> int:
    disk = FailingDisk()
    step(fresh(folder), disk)
    return disk.calls


def fresh(folder: Path, number: int = -1) -> Path:
    copy = folder.parent.parent / f"after{number}" / folder.name
    if copy.parent.exists():
        shutil.rmtree(copy.parent)
    copy.parent.mkdir()
    if folder.exists():
        shutil.copytree(folder, copy, symlinks=True)
    return copy
