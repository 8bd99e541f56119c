import sqlite3
import zlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from edge_agent.daemon.ledger import violations
from edge_agent.daemon.messages import ModelState
from edge_agent.daemon.outbox import Entry, Mark, Outgoing, late
from edge_agent.daemon.outbox.layout import FILE_NAME
from edge_agent.daemon.outbox.outbox import BACKLOG_IN_FLIGHT_MAX
from edge_agent.daemon.outbox.store import LOOK_AT_LOG_EVERY_S
from edge_agent.daemon.topics import Kind
from edge_agent.pipeline.alarm import AnomaliesState
from edge_agent.pipeline.state import FlowMark

MakeRig = Callable[..., Any]


def message(seq: int) -> ModelState:
    text = {"id": str(seq), "session": "s", "gateway": "g", "start": "", "end": ""}
    more = {"asset": "a", "name": "n", "version": "1.0.0", "sha256": "", "begun": "empty"}
    return ModelState(seq=seq, time_quality="unknown", **text, **more)  # type: ignore[arg-type]


def test_the_most_important_goes_first_and_the_oldest_of_a_kind(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.outbox.connection_began()
    kinds: list[Kind] = ["features", "score", "anomaly", "score"]
    for seq, kind in enumerate(kinds):
        rig.put(kind, seq)
    assert rig.sent() == [2, 1, 3, 0]
    assert violations(rig.store.ledger.snapshot()) == []


def seqs(outgoing: list[Outgoing]) -> list[int]:
    return [number_of(out) for out in outgoing]


def number_of(outgoing: Outgoing) -> int:
    return int(msgspec.json.decode(outgoing.body)["seq"])


def test_what_waited_goes_after_what_is_live_and_is_marked(make_rig: MakeRig) -> None:
    rig = make_rig()
    for seq in range(3):
        rig.put("score", seq)
    rig.store.step()
    rig.outbox.connection_began()
    rig.put("score", 3)
    taken = rig.taken()
    assert seqs(taken) == [3, 0, 1, 2]
    marked = [msgspec.json.decode(out.body)["historical"] for out in taken]
    assert marked == [out.backlog for out in taken] == [False, True, True, True]


def test_a_late_event_goes_before_a_live_one(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.put("anomaly", 0)
    rig.put("score", 1)
    rig.store.step()
    rig.outbox.connection_began()
    rig.put("anomaly", 2)
    rig.put("score", 3)
    assert seqs(rig.taken()) == [0, 2, 3, 1]


def test_the_backlog_is_paced_and_leaves_room_for_what_is_live(make_rig: MakeRig) -> None:
    rig = make_rig(backlog_per_s=20.0)
    for seq in range(100):
        rig.put("score", seq)
    rig.store.step()
    rig.outbox.connection_began()
    burst = rig.taken()
    assert seqs(burst) == [0, 1]
    assert 0.0 < rig.outbox.pause_s() <= 0.05
    rig.put("score", 100)
    assert seqs(rig.taken())[0] == 100


def test_a_slow_broker_has_no_more_than_some_of_the_backlog(make_rig: MakeRig) -> None:
    rig = make_rig()
    for seq in range(100):
        rig.put("score", seq)
    rig.store.step()
    rig.outbox.connection_began()
    assert len(rig.taken()) == BACKLOG_IN_FLIGHT_MAX
    rig.put("score", 100)
    assert seqs(rig.taken()) == [100]


def test_the_status_goes_first_and_states_after_events(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.outbox.connection_began()
    rig.put("score", 0)
    rig.outbox.state("alarm", "r/g/a/alarm", message(1))
    rig.put("anomaly", 2)
    rig.outbox.state("status", "r/g/status", message(3))
    rig.store.step()
    assert seqs(rig.taken()) == [3, 2, 1, 0]


def test_of_a_state_only_the_newest_is_sent_whichever_way_it_came(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.outbox.connection_began()
    rig.outbox.put(Entry("a", messages=[("alarm", "r/g/a/alarm", message(0))]))
    rig.outbox.state("alarm", "r/g/a/alarm", message(1))  # overtakes the one that is to be stored
    rig.outbox.state("alarm", "r/g/b/alarm", message(2))
    rig.store.step()
    assert sorted(seqs(rig.taken())) == [1, 2]
    assert rig.counts("score").queued == 0


def test_a_new_connection_hears_every_state_again(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.outbox.state("alarm", "r/g/a/alarm", message(0))
    rig.outbox.state("model", "r/g/a/model", message(1))
    for _ in range(2):
        rig.outbox.connection_began()
        assert seqs(rig.taken()) == [0, 1]
        rig.outbox.connection_ended()


def test_what_the_broker_is_to_forget_it_is_told_at_every_connection(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.outbox.state("alarm", "t", message(1))
    rig.outbox.clear("alarm", "t")
    for _ in range(2):
        rig.outbox.connection_began()
        (cleared,) = rig.taken()
        assert (cleared.topic, cleared.body, cleared.carriage.retained) == ("t", b"", True)
        rig.outbox.connection_ended()


def test_what_was_not_acknowledged_comes_again_and_late(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.outbox.connection_began()
    for seq in range(4):
        rig.put("score", seq)
    rig.store.step()
    first = [out for out in (rig.outbox.take(), rig.outbox.take(), rig.outbox.take()) if out]
    rig.outbox.settle(first[0])
    rig.outbox.connection_ended()
    rig.store.step()
    rig.outbox.connection_began()
    again = rig.taken()
    assert seqs(again) == [1, 2, 3]
    assert all(out.backlog for out in again)


def test_nothing_is_sent_before_it_is_stored(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.outbox.connection_began()
    rig.put("score", 0)
    assert rig.outbox.take() is None
    assert not rig.outbox.is_settled
    assert rig.sent() == [0]
    assert rig.outbox.is_settled


def test_a_refused_message_is_counted_as_such(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.outbox.connection_began()
    rig.put("score", 0)
    (outgoing,) = rig.taken()
    rig.outbox.settle(outgoing, refused=True)
    rig.store.step()
    counts = rig.counts("score")
    assert (counts.refused, counts.acknowledged, counts.pending) == (1, 0, 0)


def test_a_full_outbox_evicts_the_oldest_of_the_least_important_and_counts(
    make_rig: MakeRig,
) -> None:
    rig = make_rig(max_mb=3 * 1024e-6)
    kinds: list[Kind] = ["features", "score", "features", "anomaly", "anomaly", "anomaly"]
    for seq, kind in enumerate(kinds):
        rig.put(kind, seq)
    rig.store.step()
    rig.put("score", 6)  # less important than all that waits
    rig.store.step()
    rig.outbox.connection_began()
    assert rig.sent() == [3, 4, 5]
    assert (rig.counts("features").evicted, rig.counts("score").evicted) == (2, 2)


def test_what_is_on_its_way_is_not_evicted(make_rig: MakeRig) -> None:
    rig = make_rig(max_mb=2 * 1024e-6)
    rig.outbox.connection_began()
    rig.put("score", 0)
    (flying,) = rig.taken()
    for seq in range(1, 4):
        rig.put("score", seq)
    rig.store.step()
    assert rig.counts("score").evicted == 2
    rig.outbox.settle(flying)
    assert rig.sent() == [3]
    assert rig.counts("score").acknowledged == 2


def test_a_disk_that_hangs_lets_only_so_much_wait_in_memory(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.daemon.outbox.outbox.ARRIVED_MAX", 3)
    rig = make_rig()
    kinds: list[Kind] = ["score", "features", "anomaly", "score", "score"]
    for seq, kind in enumerate(kinds):
        rig.put(kind, seq)
    rig.outbox.connection_began()
    assert rig.sent() == [2, 3, 4]
    assert (rig.counts("features").evicted, rig.counts("score").evicted) == (1, 1)


def test_messages_expire_by_the_hours_that_the_agent_runs(make_rig: MakeRig) -> None:
    rig = make_rig(score_ttl_h=1.0)
    rig.put("score", 0)
    rig.put("anomaly", 1)
    rig.store.step()
    rig.clock.now_s += 1800.0
    rig.store.stop(1.0)
    rig.clock.now_s = 5.0  # the machine was started anew, after whatever time
    rig.begin()
    rig.store.step()
    assert rig.counts("score").expired == 0
    rig.clock.now_s += 1801.0
    rig.store.step()
    assert (rig.counts("score").expired, rig.counts("anomaly").expired) == (1, 0)
    rig.outbox.connection_began()
    assert rig.sent() == [1]


def test_what_comes_faster_than_it_can_be_sent_waits_on_the_disk(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.daemon.outbox.outbox.LIVE_MAX", 2)
    rig = make_rig()
    rig.outbox.connection_began()
    for seq in range(5):
        rig.put("score", seq)
    rig.store.step()
    assert rig.sent() == [0, 1, 2, 3, 4]


def test_how_far_an_asset_has_come_survives_a_kill(make_rig: MakeRig) -> None:
    rig = make_rig()
    flow = FlowMark(
        index=7, utc_offset_ns=None, rules={}, anomalies=AnomaliesState(count=2, open=None)
    )
    mark = Mark(model_id="abc", clock="c", last_start_ns=5, flow=flow)
    rig.put("score", 0, mark=mark)
    rig.store.step()
    rig.put("score", 1)  # without a mark of its own
    rig.store.step()
    rig.begin()
    assert rig.store.mark("a") == mark
    assert rig.store.mark("b") is None


def test_a_mark_of_another_version_costs_no_message(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.put("score", 0)
    rig.store.stop(1.0)
    with sqlite3.connect(rig.folder / FILE_NAME) as connection:
        mark = b"\x80"
        sealed = zlib.crc32(mark).to_bytes(4) + mark
        connection.execute("UPDATE asset SET mark = ?", (sealed,))
    connection.close()
    rig.begin()
    assert rig.store.state.set_aside == 0
    assert rig.counts("score").pending == 1
    assert rig.store.mark("a") is None


def test_an_event_is_synchronised_with_the_disk_before_it_is_sent(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.store.step()
    said: list[str] = []
    rig.store._place.database._connection.set_trace_callback(said.append)  # noqa: SLF001
    rig.put("score", 0)
    rig.store.step()
    assert "PRAGMA synchronous = FULL" not in said
    rig.put("anomaly", 1)
    rig.store.step()
    assert said.index("PRAGMA synchronous = FULL") < len(said) - 1 - said[::-1].index("COMMIT")


def test_a_message_inside_another_is_not_marked_as_late() -> None:
    body = b'{"historical":false,"event":{"historical":false}}'
    marked = b'{"historical":true,"event":{"historical":false}}'
    assert late(body) == late(late(body)) == marked
    assert late(b"") == b""


def test_a_long_log_is_brought_into_the_file_beside_the_store(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig()
    later: list[Callable[[], None]] = []
    rig.store._in_background = later.append  # noqa: SLF001 - as the service sets it
    monkeypatch.setattr("edge_agent.daemon.outbox.store.LOG_BYTES", 100_000)
    log = rig.folder / f"{FILE_NAME}-wal"
    for seq in range(200):
        rig.put("score", seq)
        rig.store.step()
    assert log.stat().st_size > 100_000
    assert later == []  # it is not looked at with every window
    rig.clock.now_s += LOOK_AT_LOG_EVERY_S
    rig.put("score", 200)
    rig.store.step()
    (job,) = later
    before = (rig.folder / FILE_NAME).stat().st_size
    job()
    assert (rig.folder / FILE_NAME).stat().st_size > before
    assert rig.counts("score").pending == 201


def test_what_was_handed_on_is_synchronised_beside_the_store_after_a_while(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig()
    later: list[Callable[[], None]] = []
    rig.store._in_background = later.append  # noqa: SLF001 - as the service sets it
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    rig.put("score", 0)
    rig.store.step()
    assert later == []
    rig.clock.now_s += rig.settings.sync_s
    rig.store.step()
    assert synced == []  # the store itself waits for no disk
    for job in later:
        job()
    assert len(synced) == 1
    assert rig.counts("score").pending == 1
