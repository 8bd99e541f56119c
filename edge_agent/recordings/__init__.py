"""Readers of recording files: one function opens any format, one protocol reads it."""

from edge_agent.recordings.continuous import Gap
from edge_agent.recordings.numpy_archive import write_recording
from edge_agent.recordings.open import open_recording
from edge_agent.recordings.recording import (
    ExtraMissingError,
    Recording,
    RecordingError,
    RecordingOptions,
)

__all__ = [
    "ExtraMissingError",
    "Gap",
    "Recording",
    "RecordingError",
    "RecordingOptions",
    "open_recording",
    "write_recording",
]
