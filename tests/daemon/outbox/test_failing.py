"""A database that is damaged, full or out of reach: sending goes on, and it recovers by itself."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.daemon.ledger import violations
from edge_agent.daemon.outbox import Mark, shelter
from edge_agent.daemon.outbox.inspect import check
from edge_agent.daemon.outbox.layout import FILE_NAME
from edge_agent.daemon.outbox.set_aside import KEPT, set_aside, set_aside_files
from edge_agent.daemon.outbox.shelter import RETRY_S
from edge_agent.pipeline.alarm import AnomaliesState
from edge_agent.pipeline.state import FlowMark

MakeRig = Callable[..., Any]


def mark_of(index: int) -> Mark:
    flow = FlowMark(
        index=index, utc_offset_ns=None, rules={}, anomalies=AnomaliesState(count=index, open=None)
    )
    return Mark(model_id="abc", clock="c", last_start_ns=5, flow=flow)


def damage(file: Path) -> None:
    """Overwrite every page but the first."""
    pages = file.read_bytes()
    file.write_bytes(pages[:1024] + b"\xa5" * (len(pages) - 1024))


def fill(rig: Any) -> None:
    """Let the file grow no more, as on a full disk, until it is opened anew."""
    connection = rig.store._place.database._connection  # noqa: SLF001
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")


def retry(rig: Any) -> None:
    rig.clock.now_s += RETRY_S
    rig.store.step()


@pytest.mark.parametrize("content", [b"", b"\x00" * 5000, b"SQLite format 3\x00", b"text" * 999])
def test_whatever_lies_there_at_the_start_the_store_begins(
    make_rig: MakeRig, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    rig = make_rig()
    rig.put_score("a", 0)
    rig.store.step()
    assert rig.store.state.durable
    assert check(tmp_path).problems == ()
    assert len(set_aside_files(tmp_path / FILE_NAME)) == rig.store.state.set_aside <= 1


def test_a_database_damaged_while_nobody_ran_is_set_aside_and_reported(
    make_rig: MakeRig, caplog: pytest.LogCaptureFixture
) -> None:
    rig = make_rig()
    for seq in range(50):
        rig.put_score("a", seq)
    rig.store.stop(1.0)
    damage(rig.folder / FILE_NAME)
    rig.begin()
    rig.put_score("a", 50)
    rig.store.step()
    state = rig.store.state
    assert (state.durable, state.set_aside) == (True, 1)
    assert FILE_NAME in (state.problem or "")
    assert "was set aside as outbox.db.corrupt-" in caplog.text
    assert rig.counts("score").queued == 1


def test_a_database_damaged_in_use_loses_only_what_was_not_in_memory_and_counts_it(
    make_rig: MakeRig,
) -> None:
    rig = make_rig()
    for seq in range(100):  # waits on the disk, as there is no connection
        rig.put("score", seq)
    rig.store.step()
    rig.outbox.connection_began()
    rig.store.step()
    loaded = len(rig.outbox.held())
    assert 0 < loaded < 100
    rig.store._place.database._connection.execute("DROP TABLE message")  # noqa: SLF001
    rig.put("anomaly", 100)
    rig.store.step()
    state = rig.store.state
    assert (state.durable, state.set_aside) == (True, 1)
    sent = rig.sent()
    assert sent[0] == 100
    assert sorted(sent[1:]) == list(range(loaded))
    counts = rig.counts("score")
    assert (counts.queued, counts.lost, counts.acknowledged) == (100, 100 - loaded, loaded)
    assert rig.counts("anomaly").acknowledged == 1
    assert check(rig.folder).problems == ()


def test_a_full_disk_lets_messages_wait_in_memory_and_go_out(make_rig: MakeRig) -> None:
    rig = make_rig()
    for seq in range(3):
        rig.put("score", seq)
    rig.store.step()
    fill(rig)
    for seq in range(3, 20):
        rig.put("score", seq)
    rig.store.step()
    assert not rig.store.state.durable
    assert "full" in (rig.store.state.problem or "")
    rig.outbox.connection_began()
    assert rig.sent() == list(range(3, 20))
    assert rig.counts("score").pending == 3  # on the disk, which cannot be read now
    retry(rig)
    assert (rig.store.state.durable, rig.store.state.problem) == (True, None)
    assert rig.sent() == [0, 1, 2]
    assert check(rig.folder).problems == ()


def test_what_waited_in_memory_is_on_the_disk_once_there_is_room(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.put_score("a", 0)
    rig.store.step()
    fill(rig)
    for seq in range(1, 20):
        rig.put_score("a", seq)
    rig.store.step()
    assert not rig.store.state.durable
    retry(rig)
    assert check(rig.folder).problems == ()
    rig.begin()  # killed
    assert rig.counts("score").pending == 20
    rig.outbox.connection_began()
    assert rig.sent() == list(range(20))


def test_how_far_an_asset_has_come_is_on_the_disk_with_its_counts_once_there_is_room(
    make_rig: MakeRig,
) -> None:
    rig = make_rig()
    rig.put("score", 0, mark=mark_of(1))
    rig.store.step()
    fill(rig)
    for seq in range(1, 20):
        rig.put("score", seq, mark=mark_of(1 + seq))
    rig.store.step()
    assert not rig.store.state.durable
    retry(rig)
    rig.begin()  # killed before the next window
    assert rig.store.mark("a") == mark_of(20)


def test_how_far_an_asset_has_come_outlives_a_database_that_is_damaged_in_use(
    make_rig: MakeRig,
) -> None:
    rig = make_rig()
    rig.put("score", 0, mark=mark_of(1))
    rig.store.step()
    rig.store._place.database._connection.execute("DROP TABLE message")  # noqa: SLF001
    rig.put("score", 1, "b")
    rig.store.step()
    assert rig.store.state.set_aside == 1
    rig.begin()
    assert rig.store.mark("a") == mark_of(1)


def test_what_the_broker_answers_while_the_disk_is_full_is_not_sent_again(
    make_rig: MakeRig,
) -> None:
    rig = make_rig()
    rig.outbox.connection_began()
    for seq in range(4):
        rig.put("score", seq)
    first = rig.taken()
    assert len(first) == 4
    fill(rig)
    for seq in range(4, 20):
        rig.put("score", seq)
    rig.store.step()
    assert not rig.store.state.durable
    for outgoing in first:
        rig.outbox.settle(outgoing)
    assert rig.sent() == list(range(4, 20))
    retry(rig)
    assert rig.sent() == []
    assert rig.counts("score").acknowledged == 20


def test_memory_is_bounded_while_the_disk_is_out_of_reach(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shelter, "IN_MEMORY_MAX_BYTES", 10 * 1024)
    (tmp_path / FILE_NAME).mkdir()
    rig = make_rig()
    for seq in range(100):
        rig.put("score", seq)
    rig.put("anomaly", 100)
    rig.store.step()
    assert not rig.store.state.durable
    assert rig.counts("score").evicted == 91
    retry(rig)
    assert not rig.store.state.durable
    shutil.rmtree(tmp_path / FILE_NAME)
    retry(rig)
    assert rig.store.state.durable
    rig.outbox.connection_began()
    assert rig.sent() == [100, *range(91, 100)]
    assert check(tmp_path).problems == ()


def test_counts_of_before_are_added_once_the_file_can_be_read_again(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.put("score", 0)
    rig.store.stop(1.0)
    hidden = rig.folder / "hidden"
    (rig.folder / FILE_NAME).rename(hidden)
    (rig.folder / FILE_NAME).mkdir()
    rig.begin()
    rig.put("score", 1)
    rig.store.step()
    assert rig.counts("score").queued == 1
    (rig.folder / FILE_NAME).rmdir()
    hidden.rename(rig.folder / FILE_NAME)
    retry(rig)
    assert rig.counts("score").queued == 2
    rig.outbox.connection_began()
    assert rig.sent() == [0, 1]
    assert check(rig.folder).problems == ()


def test_somebody_who_locks_the_file_costs_nothing_but_time(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.daemon.outbox.database._BUSY_S", 0.01)
    rig = make_rig()
    rig.store.step()
    stranger = sqlite3.connect(rig.folder / FILE_NAME, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    rig.put("score", 0)
    rig.store.step()
    assert "locked" in (rig.store.state.problem or "")
    stranger.execute("ROLLBACK")
    stranger.close()
    retry(rig)
    assert rig.store.state.durable
    assert rig.counts("score").pending == 1
    assert violations(rig.store.ledger.snapshot()) == []


def test_only_the_last_few_damaged_files_are_kept(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    for second in range(KEPT + 2):
        file.write_bytes(bytes([second]))
        file.with_name(f"{FILE_NAME}-wal").write_bytes(b"log")
        set_aside(file, second * 1_000_000_000)
    kept = set_aside_files(file)
    assert [path.read_bytes() for path in kept] == [bytes([n]) for n in (2, 3, 4)]
    assert len(list(tmp_path.iterdir())) == 2 * KEPT


def test_a_message_that_is_not_what_was_written_is_never_sent(make_rig: MakeRig) -> None:
    """SQLite sees damage to its own structure, not to what it keeps."""
    rig = make_rig()
    for seq in range(3):
        rig.put_score("a", seq)
    rig.store.stop(1.0)
    file = rig.folder / FILE_NAME
    content = file.read_bytes()
    assert content.count(b"r/g/a/score") == 3
    file.write_bytes(content.replace(b"r/g/a/score", b"r/g/b/score", 1))
    rig.begin()
    rig.outbox.connection_began()
    rig.store.step()
    assert rig.taken() == []
    assert (rig.store.state.durable, rig.store.state.set_aside) == (True, 1)
    assert "is not what was written" in (rig.store.state.problem or "")
