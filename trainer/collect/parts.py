"""Parquet files of a store: rows of messages into a file, small files into one."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet

from edge_agent.disk import replacing
from edge_agent.recordings.feature_store import METADATA_KEY, StoredSet, stored_set
from trainer.collect.message import FeatureMessage

ROW_GROUP = 8192


def write_messages(path: Path, messages: Sequence[FeatureMessage]) -> None:
    """Write ``messages``, all of one feature set, in the order of their windows.

    Raises:
        OSError: it cannot be written; then there is no file.
    """
    stored = messages[0].set
    ordered = sorted(messages, key=lambda message: (message.start, message.seq))
    columns = {
        "message_id": pa.array([m.id for m in ordered], pa.string()),
        "message_seq": pa.array([m.seq for m in ordered], pa.int64()),
        "session": pa.array([m.session for m in ordered], pa.string()),
        "historical": pa.array([m.historical for m in ordered], pa.bool_()),
        "time_quality": pa.array([m.time_quality for m in ordered], pa.string()),
        "start_ns": pa.array([m.start_ns for m in ordered], pa.int64()),
        "end_ns": pa.array([m.end_ns for m in ordered], pa.int64()),
        "window_index": pa.array([m.index for m in ordered], pa.int64()),
        "window_gap": pa.array([m.gap for m in ordered], pa.bool_()),
        "window_clipped": pa.array([m.clipped for m in ordered], pa.bool_()),
        "window_bias": pa.array(
            [list(m.bias.items()) for m in ordered], pa.map_(pa.string(), pa.float32())
        ),
    }
    for name in stored.features:
        values = [m.values[name] for m in ordered]
        missing = np.array([value is None for value in values])
        numbers = np.array([0.0 if value is None else value for value in values])
        columns[name] = pa.array(numbers.astype(np.float32), pa.float32(), mask=missing)
    table = pa.table(columns, metadata={METADATA_KEY: msgspec.json.encode(stored)})
    _write_whole(path, table)


def merge(path: Path, files: Sequence[Path]) -> None:
    """Write the rows of ``files``, all of one feature set, to one file, each message id once.

    Raises:
        OSError: one cannot be read, or the file cannot be written; then there is no file.
    """
    tables = [_read(file) for file in files]
    wanted = tables[0].schema
    joined = pa.concat_tables([table.select(wanted.names).cast(wanted) for table in tables])
    order = compute.sort_indices(
        joined, sort_keys=[("start_ns", "ascending"), ("message_seq", "ascending")]
    )
    joined = joined.take(order)
    _, first = np.unique(joined["message_id"].to_numpy(), return_index=True)
    if len(first) < len(joined):
        joined = joined.take(pa.array(np.sort(first)))
    _write_whole(path, joined)


def rows_and_set(file: Path) -> tuple[int, StoredSet]:
    """Return the number of rows and the feature set of a file of the store.

    Raises:
        RecordingError: it is damaged, or no file of a store.
    """
    with parquet.ParquetFile(file) as opened:
        return int(opened.metadata.num_rows), stored_set(file)


def ids_of(file: Path) -> list[str]:
    """Return the message ids in a file of the store."""
    return _read(file, ["message_id"])["message_id"].to_pylist()


def _write_whole(path: Path, table: pa.Table) -> None:
    # Spark and pyarrow pass over names with a dot; nobody reads half a file.
    with replacing(path, durable=True) as new:
        parquet.write_table(table, new, row_group_size=ROW_GROUP, compression="zstd")


def _read(file: Path, columns: Sequence[str] | None = None) -> pa.Table:
    # Not read_table: it would add the parts of the path as columns.
    with parquet.ParquetFile(file) as opened:
        return opened.read(columns)
