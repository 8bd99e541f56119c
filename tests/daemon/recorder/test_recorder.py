"""The recorder remembers what it was given, and never costs more than the past."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from windows import layout, window

from edge_agent.daemon.config.settings import RecorderSettings
from edge_agent.daemon.recorder import Layout, RecordedRow, Recorder
from edge_agent.daemon.recorder.rows import make_row
from edge_agent.pipeline.result import Reason

PERIOD_S = 60.0
LAYOUT = layout(PERIOD_S)


def row(index: int, layout: Layout = LAYOUT, reason: Reason | None = None) -> RecordedRow:
    has_vector = reason != "sensor_fault"
    result = window(
        index=index,
        start_ns=index * 60 * 10**9,
        end_ns=(index + 1) * 60 * 10**9,
        vector=np.full(len(layout.features), index, np.float32) if has_vector else None,
        score=None if reason else 0.5,
        anomaly=index % 2 == 1,
        reason=reason,
        gap=index == 3,
    )
    return make_row(layout, result, "boot")


def recorder(folder: Path, days: float = 1.0, max_mb: float = 16.0) -> Recorder:
    return Recorder(folder / "recorder", RecorderSettings(days=days, max_mb=max_mb))


def filled(folder: Path, windows: int) -> Recorder:
    made = recorder(folder)
    assert made.watch("pump-1", None) == 0
    for index in range(windows):
        made.write(row(index))
    return made


def test_what_was_recorded_is_read_oldest_first(tmp_path: Path) -> None:
    past = filled(tmp_path, 10).read("pump-1")
    assert past.layout == LAYOUT
    assert past.index.tolist() == list(range(10))
    assert past.vectors.dtype == np.float32
    assert past.vectors.shape == (10, 2)
    assert past.anomaly.tolist() == [False, True] * 5
    assert np.flatnonzero(past.gap).tolist() == [3]


def test_the_last_ones_or_those_since_an_index_can_be_asked_for(tmp_path: Path) -> None:
    made = filled(tmp_path, 10)
    assert made.read("pump-1", last=3).index.tolist() == [7, 8, 9]
    assert made.read("pump-1", since_index=8).index.tolist() == [8, 9]
    assert made.read("pump-1", last=3, since_index=9).index.tolist() == [9]
    assert len(made.read("pump-1", last=0)) == 0


def test_of_an_asset_that_nobody_knows_there_is_nothing(tmp_path: Path) -> None:
    past = recorder(tmp_path).read("nobody")
    assert (past.layout, len(past), past.runs.tolist()) == (None, 0, [])


def test_only_windows_of_the_running_machine_warm_a_state_up(tmp_path: Path) -> None:
    made = recorder(tmp_path)
    made.watch("pump-1", 0)
    reasons: list[Reason | None] = [None, "idle", "sensor_fault", "washout", "invalid", "gap"]
    for index, reason in enumerate(reasons):
        made.write(row(index, reason=reason))
    past = made.read("pump-1")
    assert past.runs.tolist() == [True, False, False, True, False, True]
    assert past.computed.tolist() == [True, True, False, True, True, True]


@pytest.mark.parametrize(
    ("days", "max_mb", "rows"), [(1, 16, 1440), (30, 16, 43200), (30, 1, 13157)]
)
def test_it_holds_the_days_asked_for_or_what_fits(
    tmp_path: Path, days: float, max_mb: float, rows: int
) -> None:
    made = recorder(tmp_path, days, max_mb)
    assert LAYOUT.dtype.itemsize == 76
    assert made.capacity(LAYOUT) == rows
    assert made.capacity(msgspec.structs.replace(LAYOUT, period_s=None)) == int(max_mb * 1e6 // 76)


def test_a_machine_of_one_window_a_minute_takes_less_than_the_cap(tmp_path: Path) -> None:
    made = recorder(tmp_path, 30.0, 16.0)
    made.watch("pump-1", 0)
    made.write(row(0))
    (file,) = (tmp_path / "recorder").iterdir()
    reach = made.reach("pump-1")
    assert reach.bytes == file.stat().st_size == 43200 * 76 + 4096
    assert file.stat().st_blocks * 512 < 16e6


def test_it_says_how_far_back_it_reaches(tmp_path: Path) -> None:
    made = filled(tmp_path, 10)
    again = recorder(tmp_path)
    again.watch("pump-1", 10)
    for one in (made, again):
        reach = one.reach("pump-1")
        assert (reach.windows, reach.capacity) == (10, 1440)
        assert reach.since == "1970-01-01T00:00:00.000000Z"
    for index in range(10, 1450):
        again.write(row(index))
    reach = again.reach("pump-1")
    assert (reach.windows, reach.since) == (1440, "1970-01-01T00:10:00.000000Z")


def test_what_was_not_told_of_is_left_aside_and_written_over(tmp_path: Path) -> None:
    filled(tmp_path, 10).close()
    again = recorder(tmp_path)
    assert again.watch("pump-1", 7) == 7
    assert again.read("pump-1").index.tolist() == list(range(7))
    again.write(row(7, reason="idle"))
    past = again.read("pump-1")
    assert past.index.tolist() == list(range(8))
    assert not past.runs[-1]


def test_where_nobody_knows_how_far_it_came_the_file_tells(tmp_path: Path) -> None:
    filled(tmp_path, 10).close()
    assert recorder(tmp_path).watch("pump-1", None) == 10


def test_vectors_of_other_features_begin_a_new_file(tmp_path: Path) -> None:
    filled(tmp_path, 10).close()
    other = msgspec.structs.replace(LAYOUT, features=("x_rms", "x_peak", "x_crest"))
    made = recorder(tmp_path)
    assert made.watch("pump-1", 10) == 10
    assert made.read("pump-1").layout == LAYOUT
    made.write(row(10, other))
    past = made.read("pump-1")
    assert (past.layout, past.index.tolist(), past.vectors.shape) == (other, [10], (1, 3))
    assert len(list((tmp_path / "recorder").iterdir())) == 1


@pytest.mark.parametrize("days", [0.1, 2.0])
def test_another_length_keeps_what_fits(tmp_path: Path, days: float) -> None:
    filled(tmp_path, 200).close()
    made = recorder(tmp_path, days)
    made.watch("pump-1", 200)
    made.write(row(200))
    rows = min(201, made.capacity(LAYOUT))
    assert made.read("pump-1").index.tolist() == list(range(201 - rows, 201))


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    filled(tmp_path, 10).close()
    file = tmp_path / "recorder" / "pump-1.ring"
    file.write_bytes(b"no ring")
    made = recorder(tmp_path)
    made.watch("pump-1", 10)
    made.write(row(10))
    assert made.read("pump-1").index.tolist() == [10]
    assert made.reach("pump-1").problem is None
    assert file.with_name("pump-1.ring.corrupt").read_bytes() == b"no ring"


def test_a_damaged_file_that_cannot_be_set_aside_costs_the_past_alone(tmp_path: Path) -> None:
    filled(tmp_path, 10).close()
    file = tmp_path / "recorder" / "pump-1.ring"
    file.write_bytes(b"no ring")
    file.with_name("pump-1.ring.corrupt").mkdir()
    made = recorder(tmp_path)
    assert made.watch("pump-1", None) == 0
    made.write(row(10))
    assert len(made.read("pump-1")) == 0
    problem = made.reach("pump-1").problem
    assert problem is not None
    assert "pump-1.ring" in problem


def test_a_folder_that_cannot_be_made_is_reported_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recorder").write_text("in the way")
    made = recorder(tmp_path)
    made.watch("pump-1", 0)
    made.write(row(0))
    problem = made.reach("pump-1").problem
    assert problem is not None
    assert "pump-1.ring" in problem
    (tmp_path / "recorder").unlink()
    made.write(row(1))  # too early
    assert len(made.read("pump-1")) == 0
    monkeypatch.setattr("edge_agent.daemon.recorder.recorder.RETRY_S", 0.0)
    made = recorder(tmp_path)
    made.watch("pump-1", 0)
    made.write(row(2))
    assert made.read("pump-1").index.tolist() == [2]
