"""Lines of delimited numbers become rows of float32; a bad cell is found by line and column."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from edge_agent.recordings.recording import RecordingError, shown

FLOAT32_MAX = float(np.finfo(np.float32).max)


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a text file; bytes that are no UTF-8 become characters that no number contains.

    Raises:
        RecordingError: the file cannot be opened or read.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as text:
            yield text
    except OSError as error:
        raise RecordingError(path, f"cannot be read: {error.strerror or error}") from error


def cells_of(line: str, delimiter: str | None) -> list[str]:
    """Split a line; None splits at white space."""
    return [cell.strip().strip('"') for cell in line.strip("\r\n").split(delimiter)]


def delimiter_of(line: str) -> str | None:
    """Tell what separates the cells of a line: a semicolon, else a comma, else white space."""
    return ";" if ";" in line else "," if "," in line else None


def is_number(cell: str) -> bool:
    """Whether a cell reads as a number; nan and inf do, Python's 1_000 does not."""
    if not cell.isascii() or "_" in cell:
        return False
    try:
        float(cell)
    except ValueError:
        return False
    return True


class NumberRows:
    """The rows of one text file, read a block at a time."""

    def __init__(
        self,
        path: Path,
        delimiter: str | None,
        names: Sequence[str],
        *,
        skip_lines: int = 0,
        use: Sequence[int] | None = None,
    ) -> None:
        """Read the columns ``use`` (None: all) of rows with one cell per name.

        Args:
            path: the text file.
            delimiter: one character, None for white space.
            names: of all columns, also of those that are not used.
            skip_lines: lines before the first row.
            use: indices of the columns to return.
        """
        self._path = path
        self._delimiter = delimiter
        self._names = tuple(names)
        self._skip_lines = skip_lines
        self._use = None if use is None else tuple(use)

    def read(self, rows: int | None = None) -> Iterator[NDArray[np.float32]]:
        """Yield float32 (n, columns used), up to ``rows`` at a time; blank lines are passed over.

        Raises:
            RecordingError: a line of another number of columns, a cell that is no finite number.
        """
        with open_text(self._path) as text:
            line_number = self._skip_lines + 1
            numbered = islice(text, self._skip_lines, None)
            while lines := list(islice(numbered, rows)):
                kept = [line for line in lines if not line.isspace()]
                if kept:
                    yield self._parse(kept, lines, line_number)
                line_number += len(lines)

    def _parse(self, kept: list[str], lines: list[str], first_line: int) -> NDArray[np.float32]:
        width = len(self._names)
        # With usecols loadtxt does not look at the other columns, so their number is counted here.
        if self._use and any(len(line.split(self._delimiter)) != width for line in kept):
            raise self._explain(lines, first_line, "")
        some: dict[str, Any] = {} if self._use is None else {"usecols": self._use}
        try:
            table = np.loadtxt(
                kept,
                dtype=np.float32,
                comments=None,
                delimiter=self._delimiter,
                ndmin=2,
                encoding=None,
                quotechar='"',
                **some,
            )
        except ValueError as error:
            raise self._explain(lines, first_line, str(error)) from error
        wanted = (len(kept), len(self._use or self._names))
        if table.shape != wanted or not np.isfinite(table.sum(dtype=np.float64)):
            raise self._explain(lines, first_line, f"{table.shape} numbers of {wanted}")
        return np.ascontiguousarray(table, dtype=np.float32)

    def _explain(self, lines: list[str], first_line: int, reason: str) -> RecordingError:
        """Find the first line that is wrong; slow, and only walked when one is."""
        for number, line in enumerate(lines, start=first_line):
            if line.isspace():
                continue
            cells = cells_of(line, self._delimiter)
            if len(cells) != len(self._names):
                return RecordingError(
                    self._path,
                    f"line {number} has {len(cells)} columns,"
                    f" allowed: {len(self._names)} as in the lines before",
                )
            for column in self._use or range(len(self._names)):
                if problem := cell_problem(cells[column]):
                    where = f"line {number}, column {column + 1} ({self._names[column]})"
                    return RecordingError(self._path, f"{where}: {problem}")
        where = f"lines {first_line} to {first_line + len(lines) - 1}"
        return RecordingError(self._path, f"{where} are no rows of numbers: {reason}")


def cell_problem(cell: str) -> str | None:
    """Say what is wrong with a cell that should hold a finite float32; None where nothing is."""
    if not is_number(cell):
        return f"found {shown(cell)}, allowed: a number"
    if not abs(float(cell)) <= FLOAT32_MAX:
        return f"found {shown(cell)}, allowed: a finite number that fits float32"
    return None
