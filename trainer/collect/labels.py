"""Label messages, each once, beside the features of their asset."""

from pathlib import Path

import msgspec

from edge_agent.disk import append_line
from edge_agent.recordings.stored_labels import FILE_NAME, StoredLabel, lines_of
from trainer.collect.message import MessageError

_LARGEST = 16_384


def checked_label(root: str, topic: str, payload: bytes) -> StoredLabel:
    """Return the label, published on ``topic`` below ``root``.

    Raises:
        MessageError: no JSON, not the schema, or of another gateway or asset than the topic says.
    """
    if len(payload) > _LARGEST:
        raise MessageError(f"{len(payload)} bytes, allowed: {_LARGEST}")
    try:
        label = msgspec.json.decode(payload, type=StoredLabel)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(str(error)) from error
    if topic != f"{root}/{label.gateway}/{label.asset}/label":
        raise MessageError(
            f"gateway {label.gateway} and asset {label.asset}, allowed: those of its topic"
        )
    return label


class Labels:
    """The files of one store. Their ids are few, and kept in memory."""

    def __init__(self, store: Path) -> None:
        """Keep labels in the folders of ``store``."""
        self._store = store
        self._ids: dict[Path, set[str]] = {}

    def add(self, label: StoredLabel, payload: bytes) -> bool:
        """Write a label durably, where it is new; return whether it was.

        Raises:
            OSError: it cannot be written.
            RecordingError: what is there cannot be read.
        """
        folder = self._store / f"gateway={label.gateway}" / f"asset={label.asset}"
        file = folder / FILE_NAME
        if file not in self._ids:
            self._ids[file] = {one.id for one in lines_of(file)} if file.exists() else set()
        if label.id in self._ids[file]:
            return False
        append_line(file, msgspec.json.format(payload, indent=-1), durable=True)
        self._ids[file].add(label.id)
        return True
