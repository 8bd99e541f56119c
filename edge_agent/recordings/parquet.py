"""Parquet by pyarrow (extra ``formats``): samples or features, told apart as in CSV files."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.recordings import row_times
from edge_agent.recordings.column_names import is_feature_column, time_columns, value_columns
from edge_agent.recordings.continuous import BLOCK_LENGTH, ContinuousRecording
from edge_agent.recordings.feature_table import (
    FeatureTable,
    TablePart,
    feature_table,
    looks_like_features,
)
from edge_agent.recordings.finite import finite_float32
from edge_agent.recordings.formats_extra import formats_module
from edge_agent.recordings.recording import (
    MAX_CHANNELS,
    RecordingError,
    RecordingOptions,
    listed,
    required_rate_hz,
    shown,
)

_READ_BYTES = 1 << 16
_PART_ROWS = 4096
_DAMAGE = (LookupError, MemoryError, OSError, OverflowError, TypeError, ValueError)


class _ParquetFile:
    """One open file, with pyarrow's errors turned into ours."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.arrow = formats_module("pyarrow", path, "Parquet")
        self._damage = (*_DAMAGE, self.arrow.ArrowException)
        parquet = formats_module("pyarrow.parquet", path, "Parquet")
        try:
            # By default pyarrow fetches the whole file ahead of what is asked for.
            self._file = parquet.ParquetFile(path, buffer_size=_READ_BYTES, pre_buffer=False)
            self.fields = {field.name: field.type for field in self._file.schema_arrow}
            self.names = tuple(field.name for field in self._file.schema_arrow)
            self.length = int(self._file.metadata.num_rows)
        except self._damage as error:
            raise self._damaged(error) from error

    def batches(self, names: Sequence[str], rows: int = BLOCK_LENGTH) -> Iterator[Any]:
        """Yield record batches of the columns ``names``."""
        try:
            yield from self._file.iter_batches(rows, columns=list(names), use_threads=False)
        except self._damage as error:
            raise self._damaged(error) from error

    def parts(self, names: Sequence[str]) -> Iterator[TablePart]:
        """Yield some rows at a time: numbers, and texts as the cells of a CSV file."""
        types = self.arrow.types
        times = {names[i] for i in time_columns(names)}
        numbers = {
            name
            for name in names
            if types.is_integer(self.fields[name]) or types.is_floating(self.fields[name])
        } - times
        first = 0
        for batch in self.batches(names, _PART_ROWS):
            cells = [
                batch.column(name).to_numpy(zero_copy_only=False)
                if name in numbers
                else self._texts(batch.column(name), self.fields[name])
                for name in names
            ]
            yield TablePart(self._path, names, cells, partial(_place, first))
            first += batch.num_rows

    def _texts(self, column: Any, kind: Any) -> list[str]:  # noqa: ANN401 - pyarrow's
        try:
            if self.arrow.types.is_timestamp(kind):
                # Microseconds of UTC: what Python's datetime holds, without a time zone table.
                column = column.cast(self.arrow.timestamp("us"), safe=False)
            values = column.to_pylist()
        except self._damage as error:
            raise self._damaged(error) from error
        return ["" if value is None else str(value) for value in values]

    def _damaged(self, error: BaseException) -> RecordingError:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        return RecordingError(self._path, f"is no readable Parquet file: {reason[0][:200]}")


def _place(first: int, row: int) -> str:
    return f"row {first + row}"


def read_parquet(path: Path, options: RecordingOptions) -> ContinuousRecording | FeatureTable:
    """Read ``path`` as samples or as features.

    Raises:
        RecordingError: damaged, a column that holds no numbers, a missing rate.
    """
    file = _ParquetFile(path)
    if len(file.fields) != len(file.names):
        raise RecordingError(path, f"has a column name twice among {listed(list(file.names))}")
    if file.length == 0:
        raise RecordingError(path, "has no rows, allowed: one row per sample or window")
    features = [name for name in file.names if is_feature_column(name)]
    if features and options.rate_hz is not None:
        raise RecordingError(
            path,
            f"is a table of features ({listed(features)}) and has no sampling rate:"
            " leave out --rate-hz",
        )
    if looks_like_features(file.names) and options.rate_hz is None:
        return feature_table(path, file.names, file.parts(file.names), options)
    return _samples(path, file, options)


def _samples(path: Path, file: _ParquetFile, options: RecordingOptions) -> ContinuousRecording:
    what = f"a header of {listed(list(file.names))}, neither a time nor CHANNEL_FEATURE,"
    rate_hz = required_rate_hz(path, options, what)
    times = time_columns(file.names)
    channels = tuple(file.names[i] for i in value_columns(file.names))
    if not 1 <= len(channels) <= MAX_CHANNELS:
        raise RecordingError(path, f"has {len(channels)} channels, allowed: 1 to {MAX_CHANNELS}")
    types = file.arrow.types
    for name in channels:
        kind = file.fields[name]
        if not (types.is_integer(kind) or types.is_floating(kind)):
            raise RecordingError(
                path, f"column {name} holds {kind}, allowed: integers or floating point"
            )
    start_ns = 0
    if times:
        start_ns = _start_ns(path, file, file.names[times[0]])

    def read() -> Iterator[NDArray[np.float32]]:
        done = 0
        for batch in _ParquetFile(path).batches(channels):
            columns = [batch.column(name).to_numpy(zero_copy_only=False) for name in channels]
            rows = np.column_stack([np.asarray(column, np.float64) for column in columns])
            yield finite_float32(path, rows, "rows", channels, first=done)
            done += len(rows)

    return ContinuousRecording(path, channels, rate_hz, options.unit, start_ns, file.length, read)


def _start_ns(path: Path, file: _ParquetFile, name: str) -> int:
    cell = next(file.parts((name,))).cells[0][0]
    start_ns = row_times.time_ns(cell, name)
    if start_ns is None:
        raise RecordingError(
            path, f"row 0 of column {name} is {shown(cell)}, allowed: {row_times.ALLOWED}"
        )
    return start_ns
