"""One array in an .npy file; what it does not say is in NAME.json beside it, or in the options.

The JSON file holds one object with the keys of ``header``; it may be missing.
"""

from pathlib import Path

import msgspec

from edge_agent.recordings.bursts import BurstRecording
from edge_agent.recordings.continuous import ContinuousRecording
from edge_agent.recordings.header import RecordingHeader, described_array
from edge_agent.recordings.recording import RecordingError, RecordingOptions
from edge_agent.recordings.stored_array import stored_in_file


def read_npy(path: Path, options: RecordingOptions) -> ContinuousRecording | BurstRecording:
    """Read ``path`` and its header file.

    Raises:
        RecordingError: either is damaged, or they do not fit each other.
    """
    return described_array(path, stored_in_file(path), _header_beside(path), options)


def _header_beside(path: Path) -> RecordingHeader:
    beside = path.with_suffix(".json")
    try:
        return msgspec.json.decode(beside.read_bytes(), type=RecordingHeader)
    except FileNotFoundError:
        return RecordingHeader()
    except OSError as error:
        raise RecordingError(beside, f"cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordingError(beside, f"is no header of a recording: {error}") from error
