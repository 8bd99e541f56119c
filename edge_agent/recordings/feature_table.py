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
"""

from collections.abc import Callable, Iterator, Sequence
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
        starts_ns: time of each row.
    """

    path: Path
    channels: tuple[str, ...]
    unit: str | None
    period_s: float
    rows: NDArray[np.float32]
    starts_ns: Sequence[int]
    kind: Literal["features"] = field(default="features", init=False)
    rate_hz: None = field(default=None, init=False)
    burst_length: int = field(default=1, init=False)

    @property
    def length(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def blocks(self) -> Iterator[Block]:
        """See Recording.blocks; a row that comes half a period late has a gap before it."""
        gaps = gaps_before(self.starts_ns, self.period_s)
        for i, (start_ns, gap) in enumerate(zip(self.starts_ns, gaps, strict=True)):
            yield Block(self.rows[i : i + 1], start_ns, None, self.unit, self.channels, gap)


def looks_like_features(names: Sequence[str]) -> bool:
    """Whether a header is that of a feature table: known features, or a time and values."""
    return any(is_feature_column(name) for name in names) or bool(time_columns(names))


@dataclass(frozen=True, slots=True)
class TableText:
    """The text of a table, by column.

    Attributes:
        names: header, one per column.
        cells: one sequence of cells per column.
        place: says where a row is, such as "line 3".
    """

    path: Path
    names: Sequence[str]
    cells: Sequence[Sequence[str]]
    place: Callable[[int], str]

    def error(self, row: int, column: int, problem: str) -> RecordingError:
        """Make the error for one cell."""
        where = f"{self.place(row)}, column {column + 1} ({self.names[column]})"
        return RecordingError(self.path, f"{where}: {problem}")


def feature_table(table: TableText, options: RecordingOptions) -> FeatureTable:
    """Make the recording of a table.

    Raises:
        RecordingError: no rows, no values, a cell that is no number or time, a time that does
            not rise, two columns of one name, or a rate given for what has none.
    """
    columns = value_columns(table.names)
    channels = tuple(canonical_column(table.names[i]) for i in columns)
    if not channels or not table.cells[0]:
        what = "rows" if channels else f"columns of values among {listed(list(table.names))}"
        raise RecordingError(table.path, f"has no {what}, allowed: one row of features a window")
    if len(set(channels)) != len(channels):
        twice = sorted({name for name in channels if channels.count(name) > 1})
        raise RecordingError(
            table.path, f"has several columns for {listed(twice)}, allowed: one for each feature"
        )
    rows = np.stack([_values(table, i) for i in columns], axis=1)
    starts_ns = _times(table)
    period_s = row_times.period_s(starts_ns)
    known = any(is_feature_column(table.names[i]) for i in columns)
    if period_s < _SHORTEST_PERIOD_S and not known:
        raise RecordingError(
            table.path,
            f"rows are {period_s:g} s apart, too close for a table of features:"
            f" give --rate-hz {1 / period_s:g} to read them as samples",
        )
    return FeatureTable(table.path, channels, options.unit, period_s, rows, starts_ns)


def _values(table: TableText, column: int) -> NDArray[np.float32]:
    cells = table.cells[column]
    try:
        values = np.array(cells, np.float64)  # most columns hold plain numbers only
    except ValueError:
        plain = ["nan" if cell.lower() in _MISSING else cell for cell in cells]
        values = np.array([float(cell) if is_number(cell) else np.inf for cell in plain])
    if not (np.isnan(values) | (np.abs(values) <= FLOAT32_MAX)).all():
        row = int(np.flatnonzero(np.isinf(values) | (np.abs(values) > FLOAT32_MAX))[0])
        problem = cell_problem(cells[row])
        raise table.error(row, column, f"{problem}, or nothing where it is missing")
    if np.isnan(values).all():
        raise RecordingError(
            table.path, f"column {column + 1} ({table.names[column]}) holds no number at all"
        )
    return values.astype(np.float32)


def _times(table: TableText) -> Sequence[int]:
    for column in time_columns(table.names):
        times = [row_times.time_ns(cell, table.names[column]) for cell in table.cells[column]]
        starts_ns = [time for time in times if time is not None]
        if len(starts_ns) < len(times):
            if is_file_name_column(table.names[column]):
                continue  # names that are no times are just names
            row = times.index(None)
            found = shown(table.cells[column][row])
            raise table.error(row, column, f"found {found}, allowed: {row_times.ALLOWED}")
        row_behind = row_times.first_not_after(starts_ns)
        if row_behind is not None:
            found = shown(table.cells[column][row_behind])
            raise table.error(
                row_behind, column, f"found {found}, allowed: a time after the row before"
            )
        return starts_ns
    step_ns = round(row_times.ROW_PERIOD_S * NS)
    return [row * step_ns for row in range(len(table.cells[0]))]
