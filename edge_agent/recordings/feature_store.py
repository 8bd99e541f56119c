"""Feature vectors collected from gateways: Parquet by gateway, asset and day (extra ``formats``).

    STORE/gateway=gw-1/asset=pump-1/day=2026-03-01/part-00000001.parquet

A row is one window, a column one feature, float32, null where the gateway had no value; the
columns of ``ROW_COLUMNS`` say where the row comes from. Each file says in its metadata, under
``METADATA_KEY``, which of its columns are features. Days are those of the windows' starts in UTC.
``edge-trainer collect`` writes such folders. Within a file rows are in the order of time; files of
one day may overlap, and hold the same message twice where somebody has copied them: rows are
merged while they are read, and of each message id the first is taken.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.plugin import Block
from edge_agent.recordings import row_times
from edge_agent.recordings.continuous import NS
from edge_agent.recordings.formats_extra import formats_module
from edge_agent.recordings.recording import (
    RecordingError,
    RecordingOptions,
    agreed_unit,
    listed,
)

LEVELS = ("gateway", "asset", "day")
METADATA_KEY = b"edge-agent"
ROW_COLUMNS = (
    "message_id",
    "message_seq",
    "session",
    "historical",
    "time_quality",
    "start_ns",
    "end_ns",
    "window_index",
    "window_gap",
    "window_clipped",
    "window_bias",
)
_BATCH_ROWS = 1024
_READ_BYTES = 1 << 16
_NEEDED = ("message_id", "start_ns", "window_gap")


class StoredSet(msgspec.Struct, frozen=True):
    """What a file says of itself.

    Attributes:
        features: columns that hold them, in the order of the vector.
        unit: of the samples that they were computed from.
        schema: of the file.
    """

    features: tuple[str, ...]
    unit: str | None
    schema: Literal["edge-agent/store/1"] = "edge-agent/store/1"


@dataclass(frozen=True, slots=True)
class _Row:
    start_ns: int
    message_id: str
    gap: bool
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FeatureStore:
    """A Recording of one asset's collected vectors; every block is one row.

    Attributes:
        channels: names of the features.
        period_s: median from row to row.
        days: the files of each day.
    """

    path: Path
    channels: tuple[str, ...]
    unit: str | None
    period_s: float
    days: Sequence[Sequence[Path]]
    kind: Literal["features"] = field(default="features", init=False)
    rate_hz: None = field(default=None, init=False)
    burst_length: int = field(default=1, init=False)
    length: None = field(default=None, init=False)

    def blocks(self) -> Iterator[Block]:
        """See Recording.blocks; a row half a period late, or so marked, has a gap before it."""
        late_ns = round(1.5 * self.period_s * NS)
        before_ns: int | None = None
        for row in self._rows():
            gap = row.gap or (before_ns is not None and row.start_ns - before_ns > late_ns)
            yield Block(row.vector, row.start_ns, None, self.unit, self.channels, gap)
            before_ns = row.start_ns

    def _rows(self) -> Iterator[_Row]:
        for files in self.days:
            ids = set[str]()  # of the rows with one start: an id says of which window it speaks
            before_ns = -1
            parts = [_rows_of(file, self.channels) for file in files]
            for row in heapq.merge(*parts, key=attrgetter("start_ns")):
                if row.start_ns != before_ns:
                    ids.clear()
                    before_ns = row.start_ns
                if row.message_id not in ids:
                    ids.add(row.message_id)
                    yield row


def is_store_folder(path: Path) -> bool:
    """Whether ``path`` is a store, or the part of one that belongs to a gateway, asset or day."""
    return path.name.startswith("day=") or any(_children(path, level) for level in LEVELS)


def read_store(path: Path, options: RecordingOptions) -> FeatureStore:
    """Read what was collected from one asset, all days or a single one.

    Raises:
        RecordingError: of several assets, of several feature sets, damaged, or a rate was given.
    """
    days = [path] if path.name.startswith("day=") else _children(_asset_folder(path), "day")
    files = [sorted(day.glob("part-*.parquet")) for day in days]
    every = [file for of_day in files for file in of_day]
    if not every:
        raise RecordingError(path, "holds no part-*.parquet, allowed: at least one")
    if options.rate_hz is not None:
        raise RecordingError(
            path, "holds features, which have no sampling rate: leave out --rate-hz"
        )
    first = stored_set(every[0])
    starts = []
    for file in every:
        _refuse_mixed(path, every[0], first, file, stored_set(file))
        starts.append(_starts_ns(file))
    unit = options.unit
    if first.unit is not None:
        unit = agreed_unit(path, first.unit, options, "the unit of the samples")
    # Eight bytes a row, far less than the vectors that are made of them.
    starts_ns = np.unique(np.concatenate(starts))
    period_s = row_times.period_s(starts_ns)
    return FeatureStore(path, first.features, unit, period_s, [of for of in files if of])


def stored_set(file: Path) -> StoredSet:
    """Return what ``file`` says of itself.

    Raises:
        RecordingError: it is damaged, or was not written by a collector.
    """
    arrow, opened = _opened(file)
    metadata = opened.schema_arrow.metadata or {}
    try:
        stated = msgspec.json.decode(metadata.get(METADATA_KEY, b""), type=StoredSet)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordingError(file, f"is no file of collected features: {error}") from error
    names = opened.schema_arrow.names
    missing = [name for name in (*_NEEDED, *stated.features) if names.count(name) != 1]
    if missing:
        raise RecordingError(file, f"has the columns {listed(names)}, missing: {listed(missing)}")
    wrong = [n for n in stated.features if opened.schema_arrow.field(n).type != arrow.float32()]
    if wrong:
        raise RecordingError(file, f"column {wrong[0]} is no float32")
    return stated


def _refuse_mixed(
    path: Path, first_file: Path, first: StoredSet, file: Path, found: StoredSet
) -> None:
    if set(found.features) == set(first.features) and found.unit == first.unit:
        return
    names = [str(one.relative_to(path)) for one in (first_file, file)]
    differ = sorted(set(found.features) ^ set(first.features))
    what = (
        f"{listed(differ)} only in one of them" if differ else f"units {first.unit}, {found.unit}"
    )
    raise RecordingError(
        path,
        f"holds several feature sets: {names[0]} and {names[1]} differ ({what}),"
        " allowed: one; copy the days of one set to a folder of their own",
    )


def _asset_folder(path: Path) -> Path:
    """Go down to the only asset. Raises RecordingError where there are several."""
    if _children(path, "day"):
        return path
    assets = [
        asset
        for gateway in (_children(path, "gateway") or [path])
        for asset in _children(gateway, "asset")
    ]
    if len(assets) != 1:
        found = listed([str(asset.relative_to(path)) for asset in assets])
        raise RecordingError(
            path, f"holds {len(assets)} assets ({found or 'none'}), allowed: the folder of one"
        )
    return assets[0]


def _children(path: Path, level: str) -> list[Path]:
    try:
        return sorted(child for child in path.glob(f"{level}=*") if child.is_dir())
    except OSError as error:
        raise RecordingError(path, f"cannot be listed: {error.strerror or error}") from error


def _opened(file: Path) -> tuple[Any, Any]:
    arrow = formats_module("pyarrow", file, "Parquet")
    parquet = formats_module("pyarrow.parquet", file, "Parquet")
    try:
        return arrow, parquet.ParquetFile(file, buffer_size=_READ_BYTES, pre_buffer=False)
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _damaged(file, error) from error


def _batches(file: Path, columns: Sequence[str]) -> Iterator[Any]:
    arrow, opened = _opened(file)
    try:
        with opened:
            yield from opened.iter_batches(_BATCH_ROWS, columns=list(columns), use_threads=False)
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _damaged(file, error) from error


def _starts_ns(file: Path) -> NDArray[np.int64]:
    parts = [np.asarray(batch.column(0), np.int64) for batch in _batches(file, ("start_ns",))]
    starts_ns = np.concatenate(parts) if parts else np.empty(0, np.int64)
    if len(starts_ns) and (np.diff(starts_ns) < 0).any():
        raise RecordingError(file, "rows are not in the order of time")
    return starts_ns


def _rows_of(file: Path, features: tuple[str, ...]) -> Iterator[_Row]:
    for batch in _batches(file, (*_NEEDED, *features)):
        starts_ns = batch.column("start_ns").to_pylist()
        ids = batch.column("message_id").to_pylist()
        gaps = batch.column("window_gap").to_pylist()
        columns = [batch.column(name).to_numpy(zero_copy_only=False) for name in features]
        vectors = np.column_stack([np.asarray(column, np.float32) for column in columns])
        for i, (start_ns, message_id, gap) in enumerate(zip(starts_ns, ids, gaps, strict=True)):
            yield _Row(start_ns, message_id, gap, vectors[i : i + 1])


def _damaged(file: Path, error: Exception) -> RecordingError:
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return RecordingError(file, f"is no readable Parquet file: {reason[0][:200]}")
