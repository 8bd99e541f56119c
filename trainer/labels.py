"""What is known of a recording: which of its windows are anomalous.

Formats of the file, told by what is in it:

* text or CSV with one 0 or 1 per row (the Server Machine Dataset's ``test_label``), or a CSV with a
  column named ``label``, ``is_anomaly`` or ``anomaly``;
* CSV with two columns, first and last row of each range, or first and last time;
* JSON lines of labels as `edge-trainer collect` stores them (``labels.jsonl``): the spans of the
  anomalies that somebody confirmed;
* JSON: a list of such pairs; a mapping from series to pairs of times (the Numenta Anomaly
  Benchmark's ``combined_windows.json``); a mapping from series to ``{"anomaly_rows": pairs}``.

Ranges include their last row or time. Rows are those of the recording: a window of samples is
anomalous where any of its samples is.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.series import Series
from edge_agent.recordings import Recording, RecordingError
from edge_agent.recordings.row_times import ALLOWED, time_ns
from trainer.confirmed import confirmed_windows

_COLUMNS = ("label", "is_anomaly", "anomaly")
_OF_RANGES = 2  # columns
Flags = NDArray[np.bool_]
_Pair = tuple[int | str, int | str]


class _Entry(msgspec.Struct, frozen=True):
    anomaly_rows: list[_Pair]
    shape: list[int] | None = None


class LabelError(ValueError):
    """The labels cannot be used; the message names the file, what was found and is allowed."""


def read_labels(path: Path, recording: Recording, series: Series, key: str | None = None) -> Flags:
    """Return which windows are anomalous, bool (n,).

    Args:
        path: the labels.
        recording: its path chooses among the series of a JSON file.
        series: its windows.
        key: of the series, where the file's name does not tell.

    Raises:
        LabelError: unreadable, of another length, out of range, or no such series.
    """
    try:
        if path.suffix == ".jsonl":
            return confirmed_windows(path, series)
        text = path.read_text("utf-8")
    except RecordingError as error:
        raise LabelError(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(f"{path}: cannot be read: {error}") from error
    try:
        if text.lstrip()[:1] in ("{", "["):
            return _from_json(text, recording, series, key)
        _require_no_key(key)
        return _from_table(text, recording, series)
    except (ValueError, msgspec.MsgspecError) as error:
        raise LabelError(f"{path}: {error}") from error


def _from_json(text: str, recording: Recording, series: Series, key: str | None) -> Flags:
    content = msgspec.json.decode(text, type=list[_Pair] | dict[str, msgspec.Raw])
    if isinstance(content, list):
        _require_no_key(key)
        return _from_ranges(content, recording, series)
    raw = content[_series_key(list(content), recording.path, key)]
    entry = msgspec.json.decode(raw, type=list[_Pair] | _Entry)
    if isinstance(entry, list):
        return _from_ranges(entry, recording, series)
    _require_rows(entry.shape[0] if entry.shape else None, recording, series)
    return _from_ranges(entry.anomaly_rows, recording, series)


def _require_no_key(key: str | None) -> None:
    if key is not None:
        raise ValueError(f"--label-key is {key!r}, allowed: for JSON with several series only")


def _series_key(keys: Sequence[str], recording: Path, key: str | None) -> str:
    if key is not None:
        if key not in keys:
            raise ValueError(f"--label-key is {key!r}, allowed: {', '.join(sorted(keys))}")
        return key
    found = [k for k in keys if Path(k).name in (recording.name, recording.stem)]
    if len(found) != 1:
        raise ValueError(
            f"{len(found)} of its series are called {recording.name}, allowed: one, or --label-key"
            f" with one of {', '.join(sorted(keys))}"
        )
    return found[0]


def _from_table(text: str, recording: Recording, series: Series) -> Flags:
    lines = [row for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)]
    rows = [[cell.strip() for cell in row] for row in lines]
    if not rows:
        raise ValueError("is empty, allowed: 0 or 1 for each row, or ranges")
    header = [cell.lower() for cell in rows[0]]
    named = [i for i, cell in enumerate(header) if cell in _COLUMNS]
    if named:
        return _from_rows([row[named[0]] for row in rows[1:]], recording, series)
    if all(len(row) == 1 for row in rows):
        return _from_rows([row[0] for row in rows], recording, series)
    if all(len(row) == _OF_RANGES for row in rows):
        ranges = rows[1:] if header[0] in ("first", "start", "begin") else rows
        return _from_ranges(ranges, recording, series)
    raise ValueError(
        f"line 1 has {len(rows[0])} columns, none called {' or '.join(_COLUMNS)}, allowed: one"
        " column of 0 and 1, or two with first and last of each range"
    )


def _from_rows(cells: Sequence[str], recording: Recording, series: Series) -> Flags:
    for number, cell in enumerate(cells):
        if cell not in ("0", "1", "0.0", "1.0"):
            raise ValueError(f"row {number} is {cell!r}, allowed: 0 or 1")
    flags = np.array([cell[0] == "1" for cell in cells], dtype=np.bool_)
    _require_rows(len(flags), recording, series)
    if len(flags) == len(series.vectors):
        return flags
    begins, ends = _rows_of_windows(recording, series)
    before = np.concatenate(([0], np.cumsum(flags)))
    hit: Flags = before[ends] > before[begins]
    return hit


def _require_rows(rows: int | None, recording: Recording, series: Series) -> None:
    """Refuse labels of another recording: neither a row for each window nor for each sample."""
    windows = len(series.vectors)
    least, most = _row_limits(recording, series)
    if rows is not None and rows != windows and not least <= rows <= most:
        samples = "" if most == windows else f" or {most} samples"
        raise ValueError(f"has {rows} rows, but {recording.path} has {windows} windows{samples}")


def _from_ranges(
    pairs: Sequence[Sequence[int | str]], recording: Recording, series: Series
) -> Flags:
    flags = np.zeros(len(series.vectors), dtype=np.bool_)
    begins, ends = _rows_of_windows(recording, series)
    most = _row_limits(recording, series)[1]
    for first, last in pairs:
        if _is_row(first) and _is_row(last):
            a, b = int(first), int(last)
            if not a <= b < most:
                raise ValueError(
                    f"range {a} to {b}, allowed: the first not after the last, within 0 to"
                    f" {most - 1}, the rows of {recording.path}"
                )
            flags |= (begins <= b) & (ends > a)
            continue
        a_ns, b_ns = (time_ns(str(time), "time") for time in (first, last))
        if a_ns is None or b_ns is None or b_ns < a_ns:
            raise ValueError(
                f"range {first!r} to {last!r}, allowed: two row numbers or two times, the first"
                f" not after the last; a time is {ALLOWED}"
            )
        flags |= (series.start_ns <= b_ns) & (series.end_ns > a_ns)
    return flags


def _is_row(value: object) -> bool:
    return str(value).isdecimal()


def _row_limits(recording: Recording, series: Series) -> tuple[int, int]:
    """Return the least and the most rows that the recording may have."""
    ends = _rows_of_windows(recording, series)[1]
    if recording.burst_length is not None:
        return int(ends[-1]), int(ends[-1])
    if recording.length is not None:
        return recording.length, recording.length
    return int(ends[-1]), int(ends[-1]) + series.input.hop - 1  # less than a window may be left


def _rows_of_windows(
    recording: Recording, series: Series
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the recording's rows [begin, end) that each window was cut from."""
    if recording.burst_length is not None:  # one row is one burst, or one row of features
        rows = np.arange(len(series.vectors), dtype=np.int64)
        return rows, rows + 1
    since_s = (series.start_ns - series.start_ns[0]) / 1e9
    begins = np.rint(since_s * float(series.input.rate_hz or 0.0)).astype(np.int64)
    return begins, begins + series.input.length
