import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.calibration.series import Series
from edge_agent.recordings import Recording, RecordingOptions, open_recording
from trainer.data import input_spec, read_series
from trainer.labels import LabelError, read_labels
from trainer.recipe import load_recipe

Read = tuple[Recording, Series]


def _read(path: Path, **options: Any) -> Read:
    recipe = load_recipe("default")
    recording = open_recording(path, RecordingOptions(**options))
    spec = input_spec(recording, recipe, *((100, 50) if recording.kind == "samples" else ()))
    return recording, read_series(recording, recipe, spec)


@pytest.fixture
def table(tmp_path: Path) -> Read:
    """Ten rows, half an hour apart from the 1st of July 2014 on."""
    path = tmp_path / "taxi.csv"
    times = [f"2014-07-01 {i // 2:02d}:{30 * (i % 2):02d}:00" for i in range(10)]
    path.write_text("\n".join(["timestamp,value", *(f"{t},{i}" for i, t in enumerate(times))]))
    return _read(path)


@pytest.fixture
def samples(tmp_path: Path) -> Read:
    """1030 samples at 1000 Hz: windows of 100 every 50, the last 30 samples left over."""
    path = tmp_path / "ecg.csv"
    np.savetxt(path, np.random.default_rng(1).standard_normal((1030, 1)))
    return _read(path, rate_hz=1000.0)


def _rows(read: Read, path: Path, text: str, key: str | None = None) -> list[int]:
    path.write_text(text)
    flags = read_labels(path, *read, key)
    assert flags.shape == (len(read[1].vectors),)
    rows: list[int] = np.flatnonzero(flags).tolist()
    return rows


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("a.txt", "0\n0\n1\n1\n0\n0\n0\n0\n0\n1\n", [2, 3, 9]),
        ("a.csv", "label\n" + "0\n" * 9 + "1\n", [9]),
        ("a.csv", "timestamp,value,Is_Anomaly\n" + "x,5,0\n" * 9 + "x,5,1.0\n", [9]),
        ("a.csv", "2,3\n7,7\n", [2, 3, 7]),
        ("a.csv", "first,last\n2,3\n", [2, 3]),
        ("a.csv", "start,end\n2014-07-01 01:00:00,2014-07-01 01:30:00\n", [2, 3]),
        ("a.json", "[[0, 1], [8, 9]]", [0, 1, 8, 9]),
        ("a.json", '[["2014-07-01T00:30:00Z", "2014-07-01T00:59:00Z"]]', [1]),
        ("a.json", '{"taxi": {"anomaly_rows": [[4, 5]], "shape": [10, 1], "more": 1}}', [4, 5]),
        (
            "a.json",
            '{"x/taxi.csv": [["2014-07-01 02:00:00.000000", "2014-07-01 02:30:00"]]}',
            [4, 5],
        ),
        ("a.json", '{"taxi": []}', []),
    ],
)
def test_every_format_says_which_windows_are_anomalous(
    table: Read, tmp_path: Path, name: str, text: str, rows: list[int]
) -> None:
    assert _rows(table, tmp_path / name, text) == rows


def test_a_window_of_samples_is_anomalous_where_any_of_its_samples_is(
    samples: Read, tmp_path: Path
) -> None:
    flags = np.zeros(1030, dtype=int)
    flags[149] = 1
    by_row = "\n".join(map(str, flags))
    # windows begin at 0, 50, 100, ...: sample 149 is in those from 50 and from 100
    assert _rows(samples, tmp_path / "l.txt", by_row) == [1, 2]
    assert _rows(samples, tmp_path / "l.json", "[[149, 150]]") == [1, 2, 3]
    assert _rows(samples, tmp_path / "l.json", '{"ecg": {"anomaly_rows": [[1010, 1029]]}}') == []
    per_window = "\n".join("1" if i == 7 else "0" for i in range(len(samples[1].vectors)))
    assert _rows(samples, tmp_path / "l.txt", per_window) == [7]


def test_a_key_chooses_among_series(table: Read, tmp_path: Path) -> None:
    text = json.dumps({"one": [[0, 0]], "other": [[9, 9]]})
    assert _rows(table, tmp_path / "l.json", text, "other") == [9]


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("0\n1\n", None, "has 2 rows, but .*taxi.csv has 10 windows"),
        ("0\n" * 9 + "2\n", None, "row 9 is '2', allowed: 0 or 1"),
        ("", None, "is empty, allowed"),
        ("a,b,c\n1,2,3\n", None, "line 1 has 3 columns, none called label"),
        ("5,3\n", None, "range 5 to 3, allowed: the first not after the last, within 0 to 9"),
        ("5,10\n", None, "range 5 to 10, allowed: .* within 0 to 9, the rows of .*taxi.csv"),
        ("noon,midnight\n", None, "range 'noon' to 'midnight', allowed: two row numbers or two"),
        ("0\n" * 10, "taxi", "--label-key is 'taxi', allowed: for JSON with several series only"),
        ("[[0, 1]]", "taxi", "--label-key is 'taxi', allowed: for JSON with several series only"),
        ('{"a": [], "b": []}', None, "0 of its series are called taxi.csv, allowed: one, or"),
        ('{"a": [], "b": []}', "c", "--label-key is 'c', allowed: a, b"),
        ('{"taxi": {"rows": []}}', None, "missing required field `anomaly_rows`"),
        ('{"taxi": {"anomaly_rows": [], "shape": [11, 1]}}', None, "has 11 rows, but"),
        ("[[1, 2, 3]]", None, "length 2"),
        ("[[1, 2]", None, "truncated"),
    ],
)
def test_labels_that_do_not_fit_are_refused_by_file_and_recording(
    table: Read, tmp_path: Path, text: str, key: str | None, said: str
) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(text)
    with pytest.raises(LabelError, match=said) as caught:
        read_labels(path, *table, key)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there_is_refused(table: Read, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"nope.txt: cannot be read"):
        read_labels(tmp_path / "nope.txt", *table)


@given(st.text(max_size=60))
def test_any_text_is_labels_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "taxi.csv").write_text("timestamp,value\n2014-07-01,1\n2014-07-02,2\n")
    (folder / "l.txt").write_text(text)
    try:
        flags = read_labels(folder / "l.txt", *_read(folder / "taxi.csv"))
    except LabelError:
        return
    assert flags.shape == (2,)


# --- the public sets


def test_the_taxi_windows_hold_a_tenth_of_the_rows(shared_data: Path) -> None:
    read = _read(shared_data / "nab/realKnownCause/nyc_taxi.csv")
    flags = read_labels(shared_data / "nab/labels/combined_windows.json", *read)
    assert (flags.sum(), np.sum(np.diff(flags.astype(int)) == 1)) == (1035, 5)


def test_server_metrics_are_labelled_row_by_row(shared_data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(shared_data / "smd/machine-2-8.zip") as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "ServerMachineDataset"
    read = _read(folder / "test/machine-2-8.txt")
    flags = read_labels(folder / "test_label/machine-2-8.txt", *read)
    assert flags.mean() == pytest.approx(0.0068, abs=1e-4)
    train = _read(folder / "train/machine-2-8.txt")
    with pytest.raises(LabelError, match=r"has 23703 rows, but .*train.* has 23702 windows"):
        read_labels(folder / "test_label/machine-2-8.txt", *train)


def test_ecg_ranges_are_rows_of_the_record(shared_data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(shared_data / "ecg/ucr_discord_ecg_raw.zip") as archive:
        archive.extract("ecg/chfdb_chf13_45590.txt", tmp_path)
    read = _read(tmp_path / "ecg/chfdb_chf13_45590.txt", rate_hz=250.0)
    flags = read_labels(shared_data / "ecg/labels.json", *read)
    # rows 2801 to 2959, windows of 100 every 50: from the one that begins at 2750 on
    assert np.flatnonzero(flags).tolist() == list(range(55, 60))


def test_confirmed_labels_of_a_store_mark_the_windows_of_their_span(
    table: Read, tmp_path: Path
) -> None:
    path = tmp_path / "labels.jsonl"
    same = {
        "schema": "edge-agent/label/1",
        "gateway": "gw-1",
        "asset": "taxi",
        "by": "kim",
        "at": "2014-07-02T00:00:00Z",
        "number": 1,
        "severity": 2.0,
        "closed": True,
        "end": "2014-07-01T02:10:00Z",
    }
    spans = {"confirmed": "2014-07-01T01:00:00Z", "rejected": "2014-07-01T00:00:00Z"}
    lines = [
        json.dumps(same | {"id": label, "anomaly_id": label, "label": label, "start": start})
        for label, start in spans.items()
    ]
    path.write_text("\n".join(lines))
    flags = read_labels(path, *table)
    assert np.flatnonzero(flags).tolist()[-1] == 4
    assert np.flatnonzero(flags).tolist()[0] >= 1
    assert 2 in np.flatnonzero(flags)
    assert not flags[0]
