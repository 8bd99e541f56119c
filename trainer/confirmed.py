"""Faults that people confirmed: their windows are not healthy, whatever is said of the part."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.series import Series
from edge_agent.recordings import RecordingError
from edge_agent.recordings.feature_store import is_store_folder
from edge_agent.recordings.stored_labels import FILE_NAME, label_files, stored_labels

Flags = NDArray[np.bool_]


def confirmed_windows(file: Path, series: Series) -> Flags:
    """Return which windows of ``series`` are of anomalies that people confirmed, bool (n,).

    Args:
        file: labels as ``edge-trainer collect`` stores them; of each anomaly the last word holds.
        series: of the same asset.

    Raises:
        RecordingError: the file cannot be read.
    """
    flags = np.zeros(len(series.vectors), dtype=np.bool_)
    for label in stored_labels(file):
        if label.label == "confirmed":
            flags |= (series.start_ns < label.end_ns) & (series.end_ns > label.start_ns)
    return flags


def kept_out(data: Path, series: Series, said: Path | None = None) -> Flags | None:
    """Return which windows no healthy part may hold, bool (n,); None where nobody was asked.

    Args:
        data: the recording. A store, or a part of one, has its asset's labels beside the features.
        series: its windows.
        said: labels of the same asset elsewhere, a file or the folder of one.

    Raises:
        RecordingError: ``said`` has not the labels of one asset, or they cannot be read.
    """
    if said is None:
        files = labels_beside(data)
    else:
        files = label_files(said)
        if len(files) != 1:
            raise RecordingError(said, f"holds {len(files)} files {FILE_NAME}, allowed: one")
    return confirmed_windows(files[0], series) if files else None


def labels_beside(data: Path) -> list[Path]:
    """Return the files of labels beside the features of ``data``, where it is of a store."""
    if not data.is_dir() or not is_store_folder(data):
        return []
    return label_files(data.parent if data.name.startswith("day=") else data)
