"""Tables of features: one row per window, one column per feature, already computed elsewhere.

What a column is goes by its name, see ``column_names``:

* CHANNEL_FEATURE of a known feature (``b1_rms``); max, kurt and skew are written peak, kurtosis
  and skewness, whatever the table calls them.
* a time (``time``, ``timestamp``, ``file_time``, ``date``, ...; a ``file_name`` of the IMS kind
  where there is no other): gives the rows' times, which must rise. The period is their median
  step. Without a time column the rows are one minute apart and start at 1970.
* row numbers (``file_index``, ``index``, no name at all) and labels (``label``, ``anomaly``):
  left out, they are no measurements.
* every other column is a series of its own under its own name (``value`` stays ``value``).

An empty cell, nan, na, n/a or null is a missing value: NaN in the row.

A table is read part by part, and nothing is kept of it but float32 values and times.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_agent.plugin import Block
from edge_agent.recordings import row_times
from edge_agent.recordings.bursts import gaps_before
from edge_agent.recordings.column_names import (
    canonical_column,
    is_feature_column,
    is_file_name_column,
    time_columns,
    value_columns,
)
from edge_agent.recordings.continuous import NS
from edge_agent.recordings.number_rows import FLOAT32_MAX, cell_problem, is_number
from edge_agent.recordings.recording import RecordingError, RecordingOptions, listed, shown

_MISSING = frozenset({"", "nan", "na", "n/a", "null", "none"})
_SHORTEST_PERIOD_S = 0.1  # rows closer than this are samples, not features of windows


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """A Recording of feature rows; every block is one row.

    Attributes:
        channels: canonical names of the columns.
        rows: float32 (length, len(channels)), NaN where a value is missing.
        starts_ns: int64 (length,), time of each row.
    """

    path: Path
    channels: tuple[str, ...]
    unit: str | None
    period_s: float
    rows: NDArray[np.float32]
    starts_ns: NDArray[np.int64]
    kind: Literal["features"] = field(default="features", init=False)
    rate_hz: None = field(default=None, init=False)
    burst_length: int = field(default=1, init=False)

    @property
    def length(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def blocks(self) -> Iterator[Block]:
        """See Recording.blocks; a row that comes half a period late has a gap before it."""
        gaps = gaps_before(map(int, self.starts_ns), self.period_s)
        for i, gap in enumerate(gaps):
            start_ns = int(self.starts_ns[i])
            yield Block(self.rows[i : i + 1], start_ns, None, self.unit, self.channels, gap)


def looks_like_features(names: Sequence[str]) -> bool:
    """Whether a header is that of a feature table: known features, or a time and values."""
    return any(is_feature_column(name) for name in names) or bool(time_columns(names))


@dataclass(frozen=True, slots=True)
class TablePart:
    """Some rows of a table, by column.

    Attributes:
        names: header, one per column.
        cells: one sequence of cells per column, at least one row: texts, or an array of numbers.
        place: says where a row is, counted from the first of these, such as "line 3".
    """

    path: Path
    names: Sequence[str]
    cells: Sequence[Sequence[str] | NDArray[np.generic]]
    place: Callable[[int], str]

    def error(self, row: int, column: int, problem: str) -> RecordingError:
        """Make the error for one cell."""
        where = f"{self.place(row)}, column {column + 1} ({self.names[column]})"
        return RecordingError(self.path, f"{where}: {problem}")


def feature_table(
    path: Path, names: Sequence[str], parts: Iterable[TablePart], options: RecordingOptions
) -> FeatureTable:
    """Make the recording of a table with the header ``names``, read part by part.

    Raises:
        RecordingError: no rows, no values, a cell that is no number or time, a time that does
            not rise, two columns of one name, or a rate given for what has none.
    """
    columns = value_columns(names)
    channels = tuple(canonical_column(names[i]) for i in columns)
    if len(set(channels)) != len(channels):
        twice = sorted({name for name in channels if channels.count(name) > 1})
        raise RecordingError(
            path, f"has several columns for {listed(twice)}, allowed: one for each feature"
        )
    values: list[NDArray[np.float32]] = []
    clocks = _clocks(names)
    if channels:
        for part in parts:
            values.append(np.stack([_values(part, i) for i in columns], axis=1))
            for clock in clocks:
                clock.read(part)
    if not values:
        what = "rows" if channels else f"columns of values among {listed(list(names))}"
        raise RecordingError(path, f"has no {what}, allowed: one row of features a window")
    rows = np.concatenate(values)
    _refuse_empty(path, names, columns, rows)
    starts_ns = _times(clocks, len(rows))
    period_s = row_times.period_s(starts_ns)
    known = any(is_feature_column(names[i]) for i in columns)
    if period_s < _SHORTEST_PERIOD_S and not known:
        raise RecordingError(
            path,
            f"rows are {period_s:g} s apart, too close for a table of features:"
            f" give --rate-hz {1 / period_s:g} to read them as samples",
        )
    return FeatureTable(path, channels, options.unit, period_s, rows, starts_ns)


def _values(table: TablePart, column: int) -> NDArray[np.float32]:
    cells = table.cells[column]
    try:
        values = np.array(cells, np.float64)  # most columns hold plain numbers only
    except ValueError:
        texts = [str(cell) for cell in cells]
        plain = ["nan" if text.lower() in _MISSING else text for text in texts]
        values = np.array([float(cell) if is_number(cell) else np.inf for cell in plain])
    if not (np.isnan(values) | (np.abs(values) <= FLOAT32_MAX)).all():
        row = int(np.flatnonzero(np.isinf(values) | (np.abs(values) > FLOAT32_MAX))[0])
        problem = cell_problem(str(cells[row]))
        raise table.error(row, column, f"{problem}, or nothing where it is missing")
    return values.astype(np.float32)


def _refuse_empty(
    path: Path, names: Sequence[str], columns: Sequence[int], rows: NDArray[np.float32]
) -> None:
    for column, values in zip(columns, rows.T, strict=True):
        if np.isnan(values).all():
            raise RecordingError(
                path, f"column {column + 1} ({names[column]}) holds no number at all"
            )


class _Clock:
    """A column that may tell the rows' times."""

    def __init__(self, column: int, name: str) -> None:
        self._column = column
        self._name = name
        self._starts: list[NDArray[np.int64]] = []
        self._last_ns = -1
        self._behind: RecordingError | None = None
        self.tells = True

    def read(self, part: TablePart) -> None:
        """Take the times of a part. Raises RecordingError where a cell of a time is none."""
        if not self.tells:
            return
        cells = part.cells[self._column]
        times = [row_times.time_ns(str(cell), self._name) for cell in cells]
        known = [time for time in times if time is not None]
        if len(known) < len(times):
            if is_file_name_column(self._name):
                self.tells = False  # names that are no times are just names
                return
            row = times.index(None)
            found = shown(cells[row])
            raise part.error(row, self._column, f"found {found}, allowed: {row_times.ALLOWED}")
        behind = row_times.first_not_after([self._last_ns, *known])
        if behind is not None and self._behind is None:
            found = shown(cells[behind - 1])
            self._behind = part.error(
                behind - 1, self._column, f"found {found}, allowed: a time after the row before"
            )
        self._last_ns = known[-1]
        self._starts.append(np.array(known, np.int64))

    def starts_ns(self) -> NDArray[np.int64]:
        """Return the time of every row. Raises RecordingError where they do not rise."""
        if self._behind is not None:
            raise self._behind
        return np.concatenate(self._starts)


def _clocks(names: Sequence[str]) -> list[_Clock]:
    """Return the best time column; file names, which may be no times, all of them."""
    found = time_columns(names)
    of_files = [i for i in found if is_file_name_column(names[i])]
    return [_Clock(i, names[i]) for i in (found[:1] if len(of_files) < len(found) else of_files)]


def _times(clocks: Sequence[_Clock], length: int) -> NDArray[np.int64]:
    clock = next((clock for clock in clocks if clock.tells), None)
    if clock is not None:
        return clock.starts_ns()
    return np.arange(length, dtype=np.int64) * round(row_times.ROW_PERIOD_S * NS)
