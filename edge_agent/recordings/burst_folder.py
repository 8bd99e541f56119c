"""A folder (or one file) of text files that hold one burst each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.recordings.number_rows import NumberRows, cells_of, open_text
from edge_agent.recordings.recording import MAX_CHANNELS, RecordingError, numbered_channels


@dataclass(frozen=True, slots=True)
class BurstFiles:
    """Text files of one burst each, all with the same columns and number of rows.

    Attributes:
        files: in the order of time.
        delimiter_of: tells a file's delimiter from its first line.
        use: the columns that are channels, None for all.
        columns: columns of every file.
        rows: rows of every file.
    """

    files: Sequence[Path]
    delimiter_of: Callable[[str], str | None]
    use: Sequence[int] | None
    columns: int
    rows: int

    @classmethod
    def measured(
        cls,
        files: Sequence[Path],
        delimiter_of: Callable[[str], str | None],
        use: Sequence[int] | None = None,
        columns: int | None = None,
    ) -> "BurstFiles":
        """Take the number of rows, and of columns where it is open, from the first of ``files``.

        Raises:
            RecordingError: the first file is empty or no table of numbers.
        """
        path = files[0]
        found = len(_first_cells(path, delimiter_of)[1])
        if columns is None:
            columns = found
        elif found != columns:
            raise RecordingError(path, f"line 1 has {found} columns, allowed: {columns}")
        if columns > MAX_CHANNELS:
            raise RecordingError(
                path, f"line 1 has {columns} columns, allowed: at most {MAX_CHANNELS}"
            )
        rows = len(cls(files, delimiter_of, use, columns, 0).read_file(path))
        return cls(files, delimiter_of, use, columns, rows)

    def read(self) -> Iterator[NDArray[np.float32]]:
        """Yield the burst of each file, float32 (rows, channels).

        Raises:
            RecordingError: a file is damaged, or not shaped like the first.
        """
        for path in self.files:
            samples = self.read_file(path)
            if len(samples) != self.rows:
                raise RecordingError(
                    path,
                    f"has {len(samples)} rows, allowed: {self.rows}"
                    f" as in {self.files[0].name}, the first file",
                )
            yield samples

    def read_file(self, path: Path) -> NDArray[np.float32]:
        """Return one burst, float32 (rows, channels)."""
        delimiter, cells = _first_cells(path, self.delimiter_of)
        if len(cells) != self.columns:
            raise RecordingError(
                path,
                f"line 1 has {len(cells)} columns, allowed: {self.columns}"
                f" as in {self.files[0].name}, the first file",
            )
        table = NumberRows(path, delimiter, numbered_channels(self.columns), use=self.use)
        return next(table.read())


def _first_cells(
    path: Path, delimiter_of: Callable[[str], str | None]
) -> tuple[str | None, list[str]]:
    with open_text(path) as text:
        line = next((line for line in text if not line.isspace()), None)
    if line is None:
        raise RecordingError(path, "is empty, allowed: one row of numbers per sample")
    delimiter = delimiter_of(line)
    return delimiter, cells_of(line, delimiter)


def matching_files(folder: Path, matches: Callable[[str], object]) -> list[Path]:
    """Return the files of ``folder`` whose name matches, sorted by name.

    Raises:
        RecordingError: the folder cannot be listed.
    """
    try:
        return sorted(path for path in folder.iterdir() if matches(path.name) and path.is_file())
    except OSError as error:
        raise RecordingError(folder, f"cannot be listed: {error.strerror or error}") from error
