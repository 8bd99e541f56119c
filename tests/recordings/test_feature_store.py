"""Features collected from gateways: a folder by gateway, asset and day."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.recordings import Recording, RecordingOptions, open_recording
from edge_agent.recordings.feature_store import METADATA_KEY, StoredSet

pyarrow = pytest.importorskip("pyarrow", reason="needs the extra 'formats'")
parquet = pytest.importorskip("pyarrow.parquet")

Refusal = Callable[..., str]
NS = 10**9
DAY_S = 86400
ASSET = "gateway=gw-1/asset=pump-1"


def part(
    store: Path,
    name: str,
    starts_s: list[float],
    *,
    values: dict[str, list[float | None]] | None = None,
    ids: list[str] | None = None,
    gaps: list[bool] | None = None,
    unit: str | None = "g",
    asset: str = ASSET,
) -> Path:
    """A file as a collector writes it; a row's only feature is its start unless stated."""
    day = np.datetime64(int(starts_s[0]), "s").astype("datetime64[D]")
    path = store / asset / f"day={day}" / f"part-{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    values = values or {"x_rms": list(starts_s)}
    columns = {
        "message_id": pyarrow.array(ids or [str(start) for start in starts_s]),
        "start_ns": pyarrow.array([round(start * NS) for start in starts_s], pyarrow.int64()),
        "window_gap": pyarrow.array(gaps or [False] * len(starts_s)),
        **{key: pyarrow.array(column, pyarrow.float32()) for key, column in values.items()},
    }
    stated = msgspec.json.encode(StoredSet(tuple(values), unit))
    parquet.write_table(pyarrow.table(columns, metadata={METADATA_KEY: stated}), path)
    return path


def rows(recording: Recording) -> list[tuple[float, list[float], bool]]:
    return [
        (block.start_ns / NS, block.samples[0].tolist(), block.gap_before)
        for block in recording.blocks()
    ]


def starts(recording: Recording) -> list[float]:
    return [row[0] for row in rows(recording)]


def test_days_follow_one_another_and_a_row_is_a_block(tmp_path: Path) -> None:
    part(tmp_path, "2", [DAY_S, DAY_S + 60], values={"x_rms": [3, 4], "x_peak": [5, None]})
    part(tmp_path, "1", [DAY_S - 120, DAY_S - 60], values={"x_rms": [1, 2], "x_peak": [3, 4]})
    recording = open_recording(tmp_path / ASSET)
    assert (recording.kind, recording.channels) == ("features", ("x_rms", "x_peak"))
    assert (recording.period_s, recording.rate_hz, recording.unit) == (60.0, None, "g")
    assert (recording.burst_length, recording.length) == (1, None)
    first, *_, last = recording.blocks()
    assert first.samples.shape == (1, 2)
    assert first.samples.dtype == np.float32
    assert np.isnan(last.samples[0, 1])
    assert starts(recording) == [DAY_S - 120, DAY_S - 60, DAY_S, DAY_S + 60]


def test_files_of_one_day_are_merged_and_each_message_is_taken_once(tmp_path: Path) -> None:
    part(tmp_path, "1", [0, 60, 180], ids=["a", "b", "d"])
    part(tmp_path, "2", [60, 120, 180], ids=["b", "c", "other"])
    part(tmp_path, "3", [60], ids=["b"])
    assert starts(open_recording(tmp_path / ASSET)) == [0, 60, 120, 180, 180]


def test_what_is_missing_shows_as_a_gap(tmp_path: Path) -> None:
    part(tmp_path, "1", [0, 60, 120, 240, 300], gaps=[False, False, True, False, False])
    assert [row[2] for row in rows(open_recording(tmp_path / ASSET))] == [
        False,
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("below", ["", "gateway=gw-1", ASSET, f"{ASSET}/day=1970-01-01"])
def test_any_folder_down_to_a_day_will_do_where_there_is_one_asset(
    tmp_path: Path, below: str
) -> None:
    part(tmp_path, "1", [0, 60])
    assert starts(open_recording(tmp_path / below)) == [0, 60]


def test_several_assets_are_refused_with_their_names(tmp_path: Path, refusal_of: Refusal) -> None:
    part(tmp_path, "1", [0])
    part(tmp_path, "2", [0], asset="gateway=gw-2/asset=fan")
    said = refusal_of(tmp_path)
    assert f"holds 2 assets ({ASSET}, gateway=gw-2/asset=fan), allowed: the folder of one" in said


def test_feature_sets_that_differ_are_refused_with_both_files(
    tmp_path: Path, refusal_of: Refusal
) -> None:
    part(tmp_path, "1", [0])
    part(tmp_path, "2", [DAY_S], values={"x_rms": [1.0], "x_peak": [2.0]})
    said = refusal_of(tmp_path / ASSET)
    assert "day=1970-01-01/part-1.parquet and day=1970-01-02/part-2.parquet" in said
    assert "x_peak only in one of them" in said
    assert starts(open_recording(tmp_path / ASSET / "day=1970-01-02")) == [DAY_S]


def test_several_units_are_refused(tmp_path: Path, refusal_of: Refusal) -> None:
    part(tmp_path, "1", [0])
    part(tmp_path, "2", [60], unit="m/s2")
    assert "units g, m/s2" in refusal_of(tmp_path / ASSET)


def test_the_order_of_the_features_is_that_of_the_first_file(tmp_path: Path) -> None:
    part(tmp_path, "1", [0], values={"x_rms": [1], "x_peak": [2]})
    part(tmp_path, "2", [60], values={"x_peak": [4], "x_rms": [3]})
    assert [row[1] for row in rows(open_recording(tmp_path / ASSET))] == [[1, 2], [3, 4]]


def test_channels_are_chosen_as_in_any_feature_table(tmp_path: Path) -> None:
    part(tmp_path, "1", [0], values={"x_rms": [1], "y_rms": [2]})
    recording = open_recording(tmp_path / ASSET, RecordingOptions(channels=("y",)))
    assert recording.channels == ("y_rms",)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"rate_hz": 10.0}, "no sampling rate: leave out --rate-hz"),
        ({"unit": "m/s2"}, "unit of the samples is 'g' but --unit says 'm/s2'"),
        ({"channels": ("q",)}, "has no channel 'q'"),
        ({"decimate": 2}, "--decimate 2 cannot be applied"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path, refusal_of: Refusal, options: dict[str, Any], problem: str
) -> None:
    part(tmp_path, "1", [0])
    assert problem in refusal_of(tmp_path / ASSET, **options)


def test_a_day_without_files_is_refused(tmp_path: Path, refusal_of: Refusal) -> None:
    (tmp_path / ASSET / "day=1970-01-01").mkdir(parents=True)
    assert "holds no part-*.parquet" in refusal_of(tmp_path / ASSET)


@pytest.mark.parametrize("damage", ["text", "cut", "foreign", "column", "double", "order"])
def test_damaged_files_are_refused_with_their_name(
    tmp_path: Path, refusal_of: Refusal, damage: str
) -> None:
    path = part(tmp_path, "1", [0, 60])
    stated = parquet.ParquetFile(path).schema_arrow.metadata
    table = {"message_id": ["a", "b"], "start_ns": [0, 1], "window_gap": [False, False]}
    if damage == "text":
        path.write_text("not Parquet")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    elif damage == "foreign":
        parquet.write_table(pyarrow.table(table), path)
    elif damage == "column":
        parquet.write_table(pyarrow.table(table, metadata=stated), path)
    elif damage == "double":
        table["x_rms"] = [1.0, 2.0]
        parquet.write_table(pyarrow.table(table, metadata=stated), path)
    else:
        part(tmp_path, "1", [60, 0])
    said = refusal_of(tmp_path / ASSET)
    wanted = {
        "text": "is no readable Parquet file",
        "cut": "is no readable Parquet file",
        "foreign": "is no file of collected features",
        "column": "missing: x_rms",
        "double": "column x_rms is no float32",
        "order": "not in the order of time",
    }
    assert "part-1.parquet" in said
    assert wanted[damage] in said
