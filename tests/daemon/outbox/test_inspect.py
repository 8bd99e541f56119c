import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.daemon.outbox.inspect import UnavailableError, check, read_stats
from edge_agent.daemon.outbox.layout import FILE_NAME, DamagedError

MakeRig = Callable[..., Any]


def test_stats_are_read_while_the_store_has_the_file_open(make_rig: MakeRig) -> None:
    rig = make_rig()
    for seq in range(3):
        rig.put("score", seq)
    rig.put("anomaly", 3, asset="b")
    rig.store.step()
    rig.clock.now_s += 60.0
    rig.store._place.database.write_age(durable=False)  # noqa: SLF001 - as the thread does every few seconds
    stats = read_stats(rig.folder, 10_000)
    assert stats.waiting["score"].messages == 3
    assert stats.waiting["score"].bytes == 3 * 1024
    assert stats.waiting["anomaly"].oldest_s == pytest.approx(60.0)
    assert stats.waiting["features"].oldest_s is None
    assert [asset.asset for asset in stats.ledger.assets] == ["a", "b"]


def test_a_sound_outbox_has_no_problems_also_after_its_agent_has_ended(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.put_score("pump-1", 0)
    rig.store.step()
    assert check(rig.folder).problems == ()
    rig.store.stop(1.0)
    findings = check(rig.folder)
    assert (findings.messages, findings.problems) == (1, ())


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM message", "1 score messages pending by the ledger, but 0 wait"),
        ("UPDATE message SET body = x'7b'", "on r/g/pump-1/score is not what was written"),
        ("UPDATE message SET topic = 'r/g/pump-1/anomaly'", "is not what was written"),
        ("UPDATE asset SET ledger = x'00'", "is not what was written"),
        ("DELETE FROM asset", "pump-1: 0 score messages pending by the ledger, but 1 wait"),
        ("DROP TABLE message", "no such table"),
        ("PRAGMA user_version = 99", "user_version 99, allowed"),
    ],
)
def test_what_is_wrong_is_said(make_rig: MakeRig, statement: str, said: str) -> None:
    rig = make_rig()
    rig.put_score("pump-1", 0)
    rig.store.stop(1.0)
    with sqlite3.connect(rig.folder / FILE_NAME) as connection:
        connection.execute(statement)
    connection.close()
    assert said in "\n".join(check(rig.folder).problems)


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1000)
    assert "not a database" in check(tmp_path).problems[0]
    with pytest.raises(DamagedError):
        read_stats(tmp_path, 1)


def test_no_file_is_no_outbox(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="there is no outbox"):
        check(tmp_path)


def test_a_reader_sees_counts_and_messages_of_one_moment(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.store.step()
    stop = threading.Event()

    def write() -> None:
        seq = 0
        while not stop.is_set():
            rig.put_score("pump-1", seq)
            rig.store.step()
            seq += 1

    writer = threading.Thread(target=write)
    writer.start()
    found = [check(rig.folder).problems for _ in range(30)]
    stop.set()
    writer.join()
    assert found == [()] * 30
