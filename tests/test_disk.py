import os
from pathlib import Path

import pytest
from failing_disk import End, EndedError, FailingDisk

from edge_agent.disk import PRIVATE, append_line, flip, replace_file, replacing, write_durably


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("end", ["process", "power", "full"])
def test_there_is_the_old_file_or_the_new_one_wherever_it_ends(tmp_path: Path, end: End) -> None:
    found = set()
    for at in range(20):
        file = tmp_path / f"{at}" / "file"
        write_durably(file, b"old")
        disk = FailingDisk(at, end)
        try:
            write_durably(file, b"new", disk=disk)
        except (EndedError, OSError):
            assert disk.calls > at
        found.add(file.read_bytes())
        write_durably(file, b"next")
        assert file.read_bytes() == b"next"
        assert names_in(file.parent) == ["file"]
        if disk.calls <= at:
            assert found == {b"old", b"new"}
            return
    pytest.fail("it never ended")


def test_what_is_written_durably_is_there_after_a_power_cut_with_its_folders(
    tmp_path: Path,
) -> None:
    file, disk = tmp_path / "a" / "b" / "file", FailingDisk()
    write_durably(file, b"new", disk=disk)
    disk.lose_power()
    assert file.read_bytes() == b"new"


@pytest.mark.parametrize("end", ["process", "power", "full"])
def test_a_link_leads_to_the_old_target_or_to_the_new_one_wherever_it_ends(
    tmp_path: Path, end: End
) -> None:
    for at in range(20):
        link = tmp_path / f"{at}"
        flip(link, "old")
        disk = FailingDisk(at, end)
        try:
            flip(link, "new", disk)
        except (EndedError, OSError):
            assert disk.calls > at
        assert str(link.readlink()) in ("old", "new")
        if disk.calls <= at:
            assert str(link.readlink()) == "new"
            return
    pytest.fail("it never ended")


def test_a_link_that_was_flipped_outlives_a_power_cut(tmp_path: Path) -> None:
    disk = FailingDisk()
    for target in ("old", "new"):
        flip(tmp_path / "link", target, disk)
    disk.lose_power()
    assert str((tmp_path / "link").readlink()) == "new"


def test_what_is_durable_has_its_name_on_the_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[Path, bool]] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append((path, (tmp_path / "file").exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    write_durably(tmp_path / "file", b"new")
    assert synced == [(tmp_path / ".file.new", False), (tmp_path, True)]


def test_what_may_be_lost_waits_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "fsync")
    replace_file(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_what_is_in_the_way_leaves_the_old_file_and_the_error_names_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    replace_file(file, b"old")
    (tmp_path / ".file.new").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        replace_file(file, b"new")
    assert caught.value.filename == str(file)
    assert file.read_bytes() == b"old"


def test_a_missing_folder_is_named_by_the_file_that_was_to_be_in_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        replace_file(tmp_path / "folder" / "file", b"new")
    assert caught.value.filename == str(tmp_path / "folder" / "file")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_writer_that_gives_up_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    file = tmp_path / "file"
    replace_file(file, b"old")

    def give_up() -> None:
        with replacing(file, durable=True) as new:
            new.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        give_up()
    assert file.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


def test_a_private_file_is_at_no_time_open_to_others(tmp_path: Path) -> None:
    left = tmp_path / ".key.new"
    left.write_bytes(b"")
    left.chmod(0o666)
    with left.open("rb") as spied:
        write_durably(tmp_path / "key", b"secret", PRIVATE)
        assert spied.read() == b""
    assert (tmp_path / "key").stat().st_mode & 0o777 == PRIVATE


def test_a_line_that_was_torn_does_not_tear_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "made" / "too" / "lines"
    append_line(file, b"one", durable=True)
    with file.open("ab") as opened:
        opened.write(b"tw")
    append_line(file, b"three", durable=True)
    append_line(file, b"four", durable=False)
    assert file.read_bytes() == b"one\ntw\nthree\nfour\n"


@pytest.mark.parametrize("first", [True, False])
def test_a_line_that_must_last_has_the_name_of_its_file_on_the_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, first: bool
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink())
    )
    append_line(tmp_path / "lines", b"one", durable=first)
    append_line(tmp_path / "lines", b"two", durable=True)
    assert synced == [tmp_path, *[tmp_path / "lines"] * (1 + first)]


def test_a_process_that_ends_before_the_first_line_leaves_the_name_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink())
    )
    (tmp_path / "lines").touch()
    append_line(tmp_path / "lines", b"one", durable=True)
    assert synced[0] == tmp_path
