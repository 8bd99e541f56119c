"""The store by itself: once per id, durable."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from stores import DAY_S, Clock, add, files

from edge_agent.recordings import RecordingError, open_recording
from trainer.collect.journal import Arrival, Journal, JournalError
from trainer.collect.store import SMALL_FILES_MAX, Store, StoreError

pyarrow = pytest.importorskip("pyarrow", reason="needs the extra 'formats'")
parquet = pytest.importorskip("pyarrow.parquet")

MakeArrival = Callable[..., Arrival]
Starts = Callable[[Path], list[float]]
ASSET = "gateway=gw-1/asset=pump-1"


def tidy(store: Store) -> int:
    return len(list(store.tidy()))


def test_rows_are_written_when_they_have_waited_long_enough(
    opened: Callable[..., Store],
    make_arrival: MakeArrival,
    clock: Clock,
    tmp_path: Path,
    starts_in: Starts,
) -> None:
    with opened() as store:
        assert add(store, [make_arrival(9 * DAY_S + i) for i in (2, 0, 1)]) == 3
        assert tidy(store) == 0
        clock.now_s += 61
        assert tidy(store) == 1
        assert tidy(store) == 0
    assert starts_in(tmp_path) == [9 * DAY_S, 9 * DAY_S + 1, 9 * DAY_S + 2]


def test_a_clock_that_was_set_back_delays_nothing(
    opened: Callable[..., Store], make_arrival: MakeArrival, clock: Clock
) -> None:
    with opened() as store:
        add(store, [make_arrival(0.0)])
        clock.now_s -= 1000
        assert tidy(store) == 1


def test_many_rows_are_written_at_once(
    opened: Callable[..., Store], make_arrival: MakeArrival, tmp_path: Path, starts_in: Starts
) -> None:
    with opened(rows_per_file=10) as store:
        add(store, [make_arrival(10.0 * DAY_S + i) for i in range(25)])
        tidy(store)
    assert len(files(tmp_path)) == 3
    assert len(starts_in(tmp_path)) == 25


def test_an_id_is_stored_once_whenever_it_comes_again(
    opened: Callable[..., Store], make_arrival: MakeArrival, tmp_path: Path, starts_in: Starts
) -> None:
    with opened() as store:
        assert add(store, [make_arrival(1.0), make_arrival(1.0)]) == 1
        assert add(store, [make_arrival(1.0)]) == 0
        store.write_all()
        assert add(store, [make_arrival(1.0), make_arrival(2.0)]) == 1
    with opened() as store:
        assert add(store, [make_arrival(1.0), make_arrival(2.0)]) == 0
        store.write_all()
    assert starts_in(tmp_path) == [1.0, 2.0]


def test_no_more_new_ones_are_taken_than_there_is_room(
    opened: Callable[..., Store], make_arrival: MakeArrival
) -> None:
    with opened() as store:
        add(store, [make_arrival(0.0)])
        arrivals = [make_arrival(float(i)) for i in range(5)]
        assert store.add(arrivals, 2) == (2, 3)
        assert store.add(arrivals, 10) == (2, 5)


def test_a_file_holds_all_that_the_message_says(
    opened: Callable[..., Store], make_arrival: MakeArrival, tmp_path: Path
) -> None:
    change = {
        "id": "ab",
        "seq": 3,
        "session": "run",
        "historical": True,
        "time_quality": "unknown",
        "index": 9,
        "values": {"x_rms": 0.1, "x_peak": None},
        "bias": {"x": 0.5, "y": None},
        "gap": True,
        "clipped": True,
    }
    with opened() as store:
        add(store, [make_arrival(1.5, **change)])
        store.write_all()
    (file,) = tmp_path.glob("gateway=*/*/*/*")
    table = parquet.ParquetFile(file).read()
    assert table.to_pylist() == [
        {
            "message_id": "ab",
            "message_seq": 3,
            "session": "run",
            "historical": True,
            "time_quality": "unknown",
            "start_ns": 1_500_000_000,
            "end_ns": 2_500_000_000,
            "window_index": 9,
            "window_gap": True,
            "window_clipped": True,
            "window_bias": [("x", 0.5), ("y", None)],
            "x_rms": pytest.approx(0.1),
            "x_peak": None,
        }
    ]


def test_a_window_belongs_to_the_day_of_its_start_however_late_it_comes(
    opened: Callable[..., Store], make_arrival: MakeArrival, tmp_path: Path, starts_in: Starts
) -> None:
    with opened() as store:
        add(store, [make_arrival(DAY_S + 0.0), make_arrival(2.0 * DAY_S)])
        store.write_all()
        add(store, [make_arrival(DAY_S - 0.5, historical=True)])
        store.write_all()
    assert [name.split("/")[2] for name in files(tmp_path)] == [
        "day=1970-01-01",
        "day=1970-01-02",
        "day=1970-01-03",
    ]
    assert starts_in(tmp_path) == [DAY_S - 0.5, DAY_S, 2.0 * DAY_S]


def test_gateways_and_assets_have_folders_of_their_own(
    opened: Callable[..., Store], make_arrival: MakeArrival, tmp_path: Path, starts_in: Starts
) -> None:
    pairs = [(gateway, asset) for gateway in ("gw-1", "..") for asset in ("a", "b")]
    with opened() as store:
        add(store, [make_arrival(0.0, gateway=g, asset=a, id=g + a) for g, a in pairs])
        store.write_all()
    for gateway, asset in pairs:
        assert starts_in(tmp_path / f"gateway={gateway}" / f"asset={asset}") == [0.0]


def test_the_files_of_a_day_become_one_when_it_is_over(
    opened: Callable[..., Store],
    make_arrival: MakeArrival,
    clock: Clock,
    tmp_path: Path,
    starts_in: Starts,
) -> None:
    with opened() as store:
        for i in (2, 0, 1):
            add(store, [make_arrival(10.0 * DAY_S + i)])
            store.write_all()
        assert len(files(tmp_path)) == 3
        clock.now_s = 11.0 * DAY_S + 3599
        assert tidy(store) == 0
        clock.now_s += 2
        assert tidy(store) == 1
        assert tidy(store) == 0
        assert len(files(tmp_path)) == 1
        assert starts_in(tmp_path) == [10.0 * DAY_S + i for i in range(3)]
        add(store, [make_arrival(10.0 * DAY_S + 0.5)])
        store.write_all()
    assert len(files(tmp_path)) == 1
    assert len(starts_in(tmp_path)) == 4


def test_a_day_of_many_small_files_is_merged_before_it_is_over(
    opened: Callable[..., Store], make_arrival: MakeArrival, tmp_path: Path, starts_in: Starts
) -> None:
    with opened() as store:
        for i in range(SMALL_FILES_MAX + 1):
            add(store, [make_arrival(10.0 * DAY_S + i)])
            store.write_all()
    assert len(files(tmp_path)) == 1
    assert len(starts_in(tmp_path)) == SMALL_FILES_MAX + 1


def test_full_files_are_left_alone(
    opened: Callable[..., Store], make_arrival: MakeArrival, tmp_path: Path
) -> None:
    with opened(rows_per_file=10) as store:
        for first in (0, 10, 20, 24):
            add(store, [make_arrival(float(i)) for i in range(first, min(first + 10, 28))])
            store.write_all()
        # 10, 10 and, merged, 8
        assert len(files(tmp_path)) == 3


def test_feature_sets_never_share_a_file(
    opened: Callable[..., Store], make_arrival: MakeArrival, tmp_path: Path
) -> None:
    with opened() as store:
        for i in range(2):
            add(store, [make_arrival(float(i)), make_arrival(i + 10.0, values={"y_rms": 1.0})])
            add(store, [make_arrival(i + 20.0, unit="m/s2")])
            store.write_all()
    assert len(files(tmp_path)) == 3
    with pytest.raises(RecordingError, match="several feature sets"):
        open_recording(tmp_path)


def test_what_was_not_written_is_written_the_next_time(
    opened: Callable[..., Store], make_arrival: MakeArrival, tmp_path: Path, starts_in: Starts
) -> None:
    with opened() as store:
        add(store, [make_arrival(1.0)])
    assert files(tmp_path) == []
    with opened() as store:
        store.write_all()
    assert starts_in(tmp_path) == [1.0]


def test_without_its_journal_the_store_learns_from_its_files(
    opened: Callable[..., Store], make_arrival: MakeArrival, tmp_path: Path, starts_in: Starts
) -> None:
    with opened() as store:
        add(store, [make_arrival(1.0), make_arrival(10.0 * DAY_S)])
        store.write_all()
    for file in (tmp_path / "_collect").glob("journal*"):
        file.unlink()
    with opened() as store:
        assert add(store, [make_arrival(1.0), make_arrival(10.0 * DAY_S + 1)]) == 1
        store.write_all()
    assert starts_in(tmp_path) == [1.0, 10.0 * DAY_S, 10.0 * DAY_S + 1]


def test_a_store_has_one_writer_and_one_client_id(opened: Callable[..., Store]) -> None:
    with opened() as store, pytest.raises(StoreError, match="another collector writes to it"):
        opened()
    with opened() as again:
        assert again.client_id == store.client_id


def test_subscriptions_are_remembered(opened: Callable[..., Store]) -> None:
    with opened() as store:
        assert store.subscribed == ()
        store.subscribed = ("a/+/b", "c")
    with opened() as store:
        assert store.subscribed == ("a/+/b", "c")


def test_a_journal_that_is_none_or_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"no database at all, " * 100)
    with pytest.raises(JournalError, match=r"journal\.sqlite: cannot be used"):
        Journal(path)
    path.unlink()
    Journal(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(JournalError, match="has version 9, allowed: 1"):
        Journal(path)


def test_rejects_are_lines_and_their_file_does_not_grow_for_ever(
    opened: Callable[..., Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.collect.rejects.LARGEST_FILE", 300)
    with opened() as store:
        for i in range(10):
            store.rejects.add("a/b", b"\xff" * 70_000 if i == 0 else b"{", f"reason {i}")
    kept = [path.read_text().splitlines() for path in (tmp_path / "_collect").glob("rejects*")]
    assert len(kept) == 2
    assert all(len(lines) < 10 for lines in kept)
