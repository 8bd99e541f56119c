"""The one door to all formats: which reader a path goes to."""

from collections.abc import Callable, Mapping
from pathlib import Path

from edge_agent.recordings.burst_folder import matching_files
from edge_agent.recordings.channel_choice import with_channels
from edge_agent.recordings.decimate import decimated
from edge_agent.recordings.delimited import read_delimited
from edge_agent.recordings.feature_store import is_store_folder, read_store
from edge_agent.recordings.femto import is_femto_name, read_femto
from edge_agent.recordings.ims import is_ims_name, read_ims
from edge_agent.recordings.matlab import read_mat
from edge_agent.recordings.numpy_archive import read_npz
from edge_agent.recordings.numpy_file import read_npy
from edge_agent.recordings.parquet import read_parquet
from edge_agent.recordings.recording import (
    Recording,
    RecordingError,
    RecordingOptions,
    listed,
    shown,
)
from edge_agent.recordings.wav import read_wav

_Reader = Callable[[Path, RecordingOptions], Recording]
_READERS: Mapping[str, _Reader] = {
    ".csv": read_delimited,
    ".mat": read_mat,
    ".npy": read_npy,
    ".npz": read_npz,
    ".parquet": read_parquet,
    ".tsv": read_delimited,
    ".txt": read_delimited,
    ".wav": read_wav,
}
_NO_OPTIONS = RecordingOptions()
_ALLOWED_NAMES = (
    "files named YYYY.MM.DD.HH.MM.SS (IMS) or acc_NNNNN.csv (FEMTO),"
    " or folders named day=YYYY-MM-DD (edge-trainer collect)"
)


def open_recording(path: Path, options: RecordingOptions = _NO_OPTIONS) -> Recording:
    """Open a recording of whatever format ``path`` has, by its name.

    A folder holds bursts in files named as those of IMS or FEMTO, or features collected from
    gateways (see ``feature_store``); any other file goes by its ending: .csv .tsv .txt (samples or
    features), .mat, .npy, .npz, .parquet, .wav.

    Raises:
        RecordingError: no such file, no such format, damaged where it was looked at, or the
            options do not fit it. What is read later is checked later, by ``blocks``.
    """
    path = Path(path)
    options.check(path)
    try:
        reader = _reader(path)
    except OSError as error:  # a folder above it may not be entered, or the name is too long
        raise RecordingError(path, f"cannot be read: {error.strerror or error}") from error
    recording = reader(path, options)
    return decimated(with_channels(recording, options.channels), options.decimate)


def _reader(path: Path) -> _Reader:
    if path.is_dir():
        return _read_folder
    if not path.exists():
        raise RecordingError(path, "does not exist")
    if not path.is_file():
        raise RecordingError(path, "is neither a file nor a folder")
    if is_ims_name(path.name):
        return _read_ims_file
    if is_femto_name(path.name):
        return _read_femto_file
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise RecordingError(
            path,
            f"has the ending {path.suffix!r}, allowed: {listed(list(_READERS))},"
            f" a folder, or {_ALLOWED_NAMES}",
        )
    if path.stat().st_size == 0:
        raise RecordingError(path, "is empty (0 bytes)")
    return reader


def _read_ims_file(path: Path, options: RecordingOptions) -> Recording:
    return read_ims(path, [path], options)


def _read_femto_file(path: Path, options: RecordingOptions) -> Recording:
    return read_femto(path, [path], options)


def _read_folder(path: Path, options: RecordingOptions) -> Recording:
    if is_store_folder(path):
        return read_store(path, options)
    of_ims = matching_files(path, is_ims_name)
    of_femto = matching_files(path, is_femto_name)
    if of_ims and of_femto:
        raise RecordingError(
            path,
            f"holds both {of_ims[0].name} (IMS) and {of_femto[0].name} (FEMTO), allowed: one kind",
        )
    if of_ims:
        return read_ims(path, of_ims, options)
    if of_femto:
        return read_femto(path, of_femto, options)
    found = [entry.name for entry in matching_files(path, lambda _name: True)]
    raise RecordingError(
        path,
        f"holds {shown(listed(found)) if found else 'no files'}, allowed: {_ALLOWED_NAMES}",
    )
