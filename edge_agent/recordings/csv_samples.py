"""Samples in delimited text, a row per sample time, read a block at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.recordings import row_times
from edge_agent.recordings.column_names import value_columns
from edge_agent.recordings.continuous import BLOCK_LENGTH, ContinuousRecording
from edge_agent.recordings.number_rows import NumberRows, cells_of, is_number, open_text
from edge_agent.recordings.recording import (
    MAX_CHANNELS,
    RecordingError,
    RecordingOptions,
    listed,
    numbered_channels,
    shown,
)

_COUNTING_ROWS = 20  # a signal that rises evenly for longer is no signal
_ROUNDING_S = 0.0011


@dataclass(frozen=True, slots=True)
class Rows:
    """A table of samples whose form is known.

    Attributes:
        names: of all columns, also a time column.
        skip_lines: lines before the first row.
    """

    path: Path
    delimiter: str | None
    names: Sequence[str]
    skip_lines: int
    rate_hz: float

    def read(self, use: Sequence[int] | None) -> Iterator[NDArray[np.float32]]:
        """Yield blocks of the columns ``use``; see NumberRows.read."""
        table = NumberRows(
            self.path, self.delimiter, self.names, skip_lines=self.skip_lines, use=use
        )
        return table.read(BLOCK_LENGTH)

    def first_cells(self, rows: int, column: int) -> list[str]:
        """Return the cells of a column in the first rows, as far as they have that column."""
        found: list[str] = []
        with open_text(self.path) as text:
            for number, line in enumerate(text):
                if number < self.skip_lines or line.isspace():
                    continue
                cells = cells_of(line, self.delimiter)
                found.extend(cells[column : column + 1])
                if len(found) == rows:
                    break
        return found


def read_samples(
    rows: Rows, time_column: int | None, options: RecordingOptions
) -> ContinuousRecording:
    """Make the recording of ``rows``; their number is known only at the end.

    Raises:
        RecordingError: no rows, no channels, or the first block is damaged.
    """
    use = [i for i in value_columns(rows.names) if i != time_column]
    channels = tuple(rows.names[i] for i in use)
    if not 1 <= len(channels) <= MAX_CHANNELS:
        raise RecordingError(
            rows.path,
            f"has {len(channels)} channels in the columns {listed(list(rows.names))},"
            f" allowed: 1 to {MAX_CHANNELS}",
        )
    used = None if len(use) == len(rows.names) else use
    if next(rows.read(used), None) is None:
        raise RecordingError(rows.path, "has no rows, allowed: one row of numbers per sample")
    start_ns = 0 if time_column is None else _start_ns(rows, time_column)
    return ContinuousRecording(
        path=rows.path,
        channels=channels,
        rate_hz=rows.rate_hz,
        unit=options.unit,
        start_ns=start_ns,
        length=None,
        read=lambda: rows.read(used),
    )


def _start_ns(rows: Rows, time_column: int) -> int:
    name = rows.names[time_column]
    cell = rows.first_cells(1, time_column)[0]
    start_ns = row_times.time_ns(cell, name)
    if start_ns is None:
        where = f"line {rows.skip_lines + 1}, column {time_column + 1} ({name})"
        raise RecordingError(
            rows.path, f"{where}: found {shown(cell)}, allowed: {row_times.ALLOWED}"
        )
    return start_ns


def counting_rate_hz(path: Path, delimiter: str | None, columns: int) -> float | None:
    """Rows per second where the first of several columns counts up in even steps, else None.

    The steps may differ from their mean by the rounding of times printed with three decimals.
    """
    cells = Rows(path, delimiter, numbered_channels(columns), 0, 1.0).first_cells(2000, 0)
    enough = columns > 1 and len(cells) >= _COUNTING_ROWS
    if not enough or not all(is_number(cell) for cell in cells):
        return None
    times = np.array([float(cell) for cell in cells])
    span_s = float(times[-1] - times[0])
    if not np.isfinite(times).all() or not _ROUNDING_S * _COUNTING_ROWS <= span_s < np.inf:
        return None
    step_s = span_s / (len(times) - 1)
    steps_s = np.diff(times)
    even = np.abs(steps_s - step_s).max() <= max(_ROUNDING_S, 0.01 * step_s)
    return float(f"{1 / step_s:.4g}") if even and steps_s.min() >= 0 else None
