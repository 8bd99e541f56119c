"""MATLAB .mat files, version 5.

* CWRU bearing data (Case Western Reserve University Bearing Data Center): ``X097_DE_time``,
  ``X097_FE_time``, ``X097_BA_time`` become channels DE, FE, BA in g. Some files hold the keys of
  two records; the one whose number the file name starts with (``99_Normal_2.mat``: X099) is meant.
* any other file: its numeric vectors are the channels, by name; they must be of one length, or
  ``--channels`` must pick some that are.

The format states no rate. Version 7.3 is HDF5, another format altogether, and is refused.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.recordings.continuous import BLOCK_LENGTH, ContinuousRecording
from edge_agent.recordings.finite import finite_float32
from edge_agent.recordings.matlab_elements import numeric_vectors
from edge_agent.recordings.recording import (
    MAX_CHANNELS,
    RecordingError,
    RecordingOptions,
    listed,
    required_rate_hz,
)

_CWRU = re.compile(r"X(\d{3})_(DE|FE|BA)_time", re.ASCII)
_CWRU_ORDER = ("DE", "FE", "BA")
_CWRU_UNIT = "g"


def read_mat(path: Path, options: RecordingOptions) -> ContinuousRecording:
    """Read ``path`` at once; the samples are kept as float32.

    Raises:
        RecordingError: not version 5, damaged, no vectors that fit each other, no rate.
    """
    vectors = numeric_vectors(path)
    records = {match[1] for name in vectors if (match := _CWRU.fullmatch(name))}
    if records:
        named = _cwru_channels(path, vectors, _cwru_record(path, records))
        unit = options.unit or _CWRU_UNIT
        what = "the CWRU format (recorded at 12000 or 48000 Hz)"
    else:
        named = _plain_channels(path, vectors, options)
        unit, what = options.unit or "", "the .mat format"
    lengths = {name: len(vector) for name, vector in named.items()}
    if len(set(lengths.values())) > 1:
        found = listed([f"{name} ({n})" for name, n in lengths.items()])
        raise RecordingError(
            path, f"holds vectors of several lengths: {found}; pick equal ones with --channels"
        )
    rate_hz = required_rate_hz(path, options, what)
    channels = tuple(named)
    table = np.column_stack([vector.astype(np.float64) for vector in named.values()])
    samples = finite_float32(path, table, "vectors", channels)

    def read() -> Iterator[NDArray[np.float32]]:
        for first in range(0, len(samples), BLOCK_LENGTH):
            yield samples[first : first + BLOCK_LENGTH]

    return ContinuousRecording(path, channels, rate_hz, unit or None, 0, len(samples), read)


def _cwru_record(path: Path, records: set[str]) -> str:
    if len(records) == 1:
        return next(iter(records))
    number = re.match(r"\d{1,3}(?!\d)", path.name, re.ASCII)
    if number and (record := number[0].zfill(3)) in records:
        return record
    found = listed(sorted(f"X{record}" for record in records))
    raise RecordingError(
        path, f"holds the records {found}, allowed: one, or a file name that starts with its number"
    )


def _cwru_channels(
    path: Path, vectors: Mapping[str, NDArray[Any]], record: str
) -> dict[str, NDArray[Any]]:
    named = {
        channel: vectors[key]
        for channel in _CWRU_ORDER
        if (key := f"X{record}_{channel}_time") in vectors
    }
    if len({len(vector) for vector in named.values()}) > 1:
        found = listed([f"{name} ({len(vector)})" for name, vector in named.items()])
        raise RecordingError(path, f"record X{record} has channels of several lengths: {found}")
    return named


def _plain_channels(
    path: Path, vectors: Mapping[str, NDArray[Any]], options: RecordingOptions
) -> dict[str, NDArray[Any]]:
    picked = {name: vectors[name] for name in options.channels if name in vectors}
    named = picked if picked and len(picked) == len(options.channels) else dict(vectors)
    if not 1 <= len(named) <= MAX_CHANNELS:
        raise RecordingError(
            path, f"holds {len(named)} numeric vectors, allowed: 1 to {MAX_CHANNELS}"
        )
    return named
