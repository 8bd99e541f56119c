"""What people found an asset's anomalies to be, collected beside its features.

    STORE/gateway=gw-1/asset=pump-1/labels.jsonl

One JSON object per line, a label message as the gateway sent it (docs/mqtt/label.schema.json). An
anomaly may be labelled again: the last word holds. A line that is torn or is none is passed over.
"""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from edge_agent.recordings.recording import RecordingError

FILE_NAME = "labels.jsonl"

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StoredLabel(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="edge-agent/label/1"
):
    """A label; the fields that are read, a newer agent may send more.

    Attributes:
        id: of the message.
        start: of the anomaly.
        end: of the anomaly, or when it was labelled while it was open.
        at: when it was labelled.
    """

    id: Text
    gateway: Name
    asset: Name
    start: Moment
    end: Moment
    label: Literal["confirmed", "rejected"]
    anomaly_id: Text
    number: int
    severity: float
    closed: bool
    fault: Text | None = None
    at: Moment
    by: Text
    note: Text | None = None

    @property
    def start_ns(self) -> int:
        """Start of the anomaly, UTC nanoseconds."""
        return _ns(self.start)

    @property
    def end_ns(self) -> int:
        """End of the anomaly, UTC nanoseconds."""
        return _ns(self.end)


def label_files(path: Path) -> list[Path]:
    """Return the files of labels of a store, or of the part of one, or ``path`` where it is one."""
    return [path] if path.is_file() else sorted(path.rglob(FILE_NAME))


def stored_labels(file: Path) -> list[StoredLabel]:
    """Return the last label of each anomaly, by the anomalies' starts.

    Raises:
        RecordingError: the file cannot be read.
    """
    last: dict[str, StoredLabel] = {}
    for label in lines_of(file):
        known = last.get(label.anomaly_id)
        if known is None or label.at >= known.at:
            last[label.anomaly_id] = label
    return sorted(last.values(), key=lambda label: label.start)


def lines_of(file: Path) -> Iterator[StoredLabel]:
    """Yield every label of ``file`` as it came. Raises RecordingError."""
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise RecordingError(file, f"cannot be read: {error.strerror or error}") from error
    for line in lines:
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            yield msgspec.json.decode(line, type=StoredLabel)


def _ns(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
