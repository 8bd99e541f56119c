"""CSV, TSV and TXT files: which delimiter, is there a header, are these samples or features?

* Delimiter: semicolon, else comma, else white space; below a header with tabs, tabs only.
* Header: the first line, where none of its cells is a number (a pandas index column may precede
  numbered names).
* With a header: columns CHANNEL_FEATURE of known features, or a time column without ``--rate-hz``,
  make a feature table. Everything else is samples and needs ``--rate-hz``; then a time column
  gives the time of the first sample.
* Without a header: samples, with ``--rate-hz``. A first column that counts up by just that rate is
  a time, one that counts up by one is a row number; counting by another rate is refused. The
  others are c1, c2, ... Several columns in a .txt file without ``--rate-hz`` are a table of metrics
  c1, c2, ..., a row a minute, as in the Server Machine Dataset; in a .csv file that would be
  guessing, so the rate is asked for.
"""

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TextIO

from edge_agent.recordings.column_names import is_feature_column, time_columns
from edge_agent.recordings.continuous import ContinuousRecording
from edge_agent.recordings.csv_samples import Rows, counting_rate_hz, read_samples
from edge_agent.recordings.feature_table import (
    FeatureTable,
    TablePart,
    feature_table,
    looks_like_features,
)
from edge_agent.recordings.number_rows import cells_of, delimiter_of, is_number, open_text
from edge_agent.recordings.recording import (
    RecordingError,
    RecordingOptions,
    listed,
    numbered_channels,
    required_rate_hz,
    shown,
)

_MAX_COLUMNS = 4096
_PART_ROWS = 1024
_RATE_TOLERANCE = 0.01  # times are printed with few decimals


@dataclass(frozen=True, slots=True)
class _Head:
    """The first line that is not blank, and the lines before it."""

    line: str
    number: int
    delimiter: str | None
    cells: Sequence[str]

    @property
    def is_header(self) -> bool:
        return not all(is_number(cell) for cell in self.cells)


def read_delimited(path: Path, options: RecordingOptions) -> ContinuousRecording | FeatureTable:
    """Read ``path`` as samples or as features, see above.

    Raises:
        RecordingError: empty, ragged, a cell that is no number, a missing rate.
    """
    head = _head(path)
    if not head.is_header:
        return _read_headerless(path, head, options)
    names = _header_names(path, head)
    features = [name for name in names if is_feature_column(name)]
    if features and options.rate_hz is not None:
        raise RecordingError(
            path,
            f"is a table of features ({listed(features)}) and has no sampling rate:"
            " leave out --rate-hz",
        )
    if looks_like_features(names) and options.rate_hz is None:
        return feature_table(path, names, _parts(path, head, names), options)
    what = f"a header of {listed(names)}, neither a time nor CHANNEL_FEATURE,"
    rows = Rows(path, head.delimiter, names, head.number, required_rate_hz(path, options, what))
    times = time_columns(names)
    return read_samples(rows, times[0] if times else None, options)


def _read_headerless(
    path: Path, head: _Head, options: RecordingOptions
) -> ContinuousRecording | FeatureTable:
    count = len(head.cells)
    names = list(numbered_channels(count))
    counting_hz = counting_rate_hz(path, head.delimiter, count)
    if options.rate_hz is None and path.suffix.lower() == ".txt" and count > 1:
        if counting_hz is not None:
            raise RecordingError(
                path,
                f"the first column counts up like a time in seconds: give --rate-hz"
                f" {counting_hz:g} to read samples",
            )
        return feature_table(path, names, _parts(path, head, names), options)
    rate_hz = required_rate_hz(path, options, "a table without a header")
    if counting_hz is not None:
        is_time = math.isclose(counting_hz, rate_hz, rel_tol=_RATE_TOLERANCE)
        if not is_time and counting_hz != 1.0:
            raise RecordingError(
                path,
                f"the first column counts up like a time at {counting_hz:g} Hz,"
                f" but --rate-hz says {rate_hz:g}",
            )
        names = ["time" if is_time else "index", *numbered_channels(count - 1)]
    rows = Rows(path, head.delimiter, names, head.number - 1, rate_hz)
    return read_samples(rows, 0 if names[0] == "time" else None, options)


def _head(path: Path) -> _Head:
    with open_text(path) as text:
        for number, line in enumerate(text, start=1):
            if not line.isspace():
                delimiter = delimiter_of(line)
                cells = cells_of(line, delimiter)
                if delimiter is None and "\t" in line and not all(map(is_number, cells)):
                    delimiter = "\t"  # names may contain spaces, and cells may be empty
                    cells = cells_of(line, delimiter)
                if len(cells) > _MAX_COLUMNS:
                    raise RecordingError(
                        path, f"line {number} has {len(cells)} columns, allowed: {_MAX_COLUMNS}"
                    )
                return _Head(line, number, delimiter, cells)
    raise RecordingError(path, "is empty, allowed: one row of numbers per sample or window")


def _header_names(path: Path, head: _Head) -> list[str]:
    names = [cell.lstrip("# ") if i == 0 else cell for i, cell in enumerate(head.cells)]
    numbers = [name for name in names if is_number(name)]
    if numbers and not (names[0] == "" or time_columns(names[:1])):
        odd = next(name for name in names if not is_number(name))
        raise RecordingError(
            path,
            f"line {head.number} mixes numbers ({numbers[0]}) with {shown(odd)},"
            " allowed: a header of names, or a row of numbers",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RecordingError(
            path, f"line {head.number} names the columns {shown(twice)} more than once"
        )
    return names


def _parts(path: Path, head: _Head, names: Sequence[str]) -> Iterator[TablePart]:
    with open_text(path) as text:
        for _ in range(head.number if head.is_header else head.number - 1):
            text.readline()
        numbered = _numbered_rows(path, text, head)
        while some := list(islice(numbered, _PART_ROWS)):
            for number, cells in some:
                if len(cells) != len(names):
                    raise RecordingError(
                        path,
                        f"line {number} has {len(cells)} columns,"
                        f" allowed: {len(names)} as in line {head.number}",
                    )
            lines = [number for number, _ in some]
            columns = list(zip(*(cells for _, cells in some), strict=True))
            yield TablePart(path, names, columns, partial(_place, lines))


def _place(lines: Sequence[int], row: int) -> str:
    return f"line {lines[row]}"


def _numbered_rows(path: Path, text: TextIO, head: _Head) -> Iterator[tuple[int, list[str]]]:
    before = head.number if head.is_header else head.number - 1
    if head.delimiter is None:
        for number, line in enumerate(text, start=before + 1):
            if not line.isspace():
                yield number, cells_of(line, None)
        return
    reader = csv.reader(text, delimiter=head.delimiter, strict=True)
    try:
        for cells in reader:
            if any(not cell.isspace() for cell in cells if cell) or len(cells) > 1:
                yield before + reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        number = before + reader.line_num
        raise RecordingError(path, f"line {number} is no row of a table: {error}") from error
