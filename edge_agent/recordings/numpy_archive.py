"""Samples in .npz files: the project's own layout, and those of the FEMTO and IMS excerpts.

* ``samples`` with the keys of ``header`` as further arrays: what ``write_recording`` writes.
* ``acc_milli_g`` (snapshots, n, 2), thousandths of a g, with ``file_number`` (snapshots,): FEMTO.
* ``acc_milli`` (snapshots, n, channels), thousandths, with ``file_name`` or ``file_index``: IMS.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_agent.disk import replacing
from edge_agent.recordings import femto, ims
from edge_agent.recordings.bursts import BurstRecording
from edge_agent.recordings.continuous import NS, ContinuousRecording, Gap
from edge_agent.recordings.header import RecordingHeader, burst_array, described_array
from edge_agent.recordings.recording import (
    MAX_CHANNELS,
    RecordingError,
    RecordingOptions,
    listed,
    nominal_rate_hz,
    numbered_channels,
    shown,
)
from edge_agent.recordings.stored_array import StoredArray, damage_reported, stored_in_archive

_Arrays = Mapping[str, Callable[[], StoredArray]]
_THOUSANDTHS = 1000.0
_SNAPSHOT_DIMENSIONS = 3


def read_npz(path: Path, options: RecordingOptions) -> ContinuousRecording | BurstRecording:
    """Read ``path`` in whichever layout it has.

    Raises:
        RecordingError: damaged, or none of the layouts.
    """
    arrays = stored_in_archive(path)
    if "samples" in arrays:
        return _read_own(path, arrays, options)
    if "acc_milli_g" in arrays:
        return _read_femto(path, arrays, options)
    if "acc_milli" in arrays:
        return _read_ims(path, arrays, options)
    raise RecordingError(
        path,
        f"holds the arrays: {listed(list(arrays)) or 'none'};"
        " allowed: samples (see write_recording), acc_milli_g (FEMTO) or acc_milli (IMS)",
    )


def _read_own(
    path: Path, arrays: _Arrays, options: RecordingOptions
) -> ContinuousRecording | BurstRecording:
    allowed = {"samples", *RecordingHeader.__struct_fields__}
    unknown = [name for name in arrays if name not in allowed]
    if unknown:
        raise RecordingError(
            path, f"holds unknown arrays {listed(unknown)}, allowed: {listed(sorted(allowed))}"
        )
    stated = {name: arrays[name]().values() for name in arrays if name != "samples"}
    try:
        header = msgspec.convert(stated, RecordingHeader)
    except msgspec.ValidationError as error:
        raise RecordingError(path, f"header: {error}") from error
    return described_array(path, arrays["samples"](), header, options)


def _read_femto(path: Path, arrays: _Arrays, options: RecordingOptions) -> BurstRecording:
    array = _snapshots(path, arrays["acc_milli_g"](), channels=len(femto.CHANNELS))
    numbers: Sequence[int] = range(1, array.shape[0] + 1)
    if "file_number" in arrays:
        numbers = _whole_numbers(path, arrays["file_number"](), array.shape[0])
    return burst_array(
        array,
        channels=femto.CHANNELS,
        rate_hz=nominal_rate_hz(femto.RATE_HZ, options),
        unit=options.unit or femto.UNIT,
        period_s=femto.PERIOD_S,
        starts_ns=[femto.femto_time_ns(number) for number in numbers],
        divisor=_THOUSANDTHS,
    )


def _read_ims(path: Path, arrays: _Arrays, options: RecordingOptions) -> BurstRecording:
    array = _snapshots(path, arrays["acc_milli"]())
    count = array.shape[0]
    starts_ns: list[int]
    if "file_name" in arrays:
        starts_ns = _named_times(path, arrays["file_name"](), count)
    else:
        indices: Sequence[int] = range(count)
        if "file_index" in arrays:
            indices = _whole_numbers(path, arrays["file_index"](), count)
        starts_ns = [index * round(ims.PERIOD_S) * NS for index in indices]
    return burst_array(
        array,
        channels=numbered_channels(array.shape[2], "b"),
        rate_hz=nominal_rate_hz(ims.RATE_HZ, options),
        unit=options.unit,
        period_s=ims.PERIOD_S,
        starts_ns=starts_ns,
        divisor=_THOUSANDTHS,
    )


def _snapshots(path: Path, array: StoredArray, channels: int | None = None) -> StoredArray:
    array = array.real_numbers()
    if (
        len(array.shape) != _SNAPSHOT_DIMENSIONS
        or array.shape[2] > MAX_CHANNELS
        or channels not in {None, array.shape[2]}
    ):
        raise RecordingError(
            path,
            f"{array.label}has shape {array.shape},"
            f" allowed: (snapshots, n, {channels or 'channels'})",
        )
    return array


def _whole_numbers(path: Path, array: StoredArray, count: int) -> list[int]:
    values = array.real_numbers().whole()
    limit = 10**8
    if values.shape != (count,) or values.dtype.kind == "f" or not _within(values, limit):
        raise RecordingError(
            path,
            f"{array.label}has shape {values.shape} of {values.dtype},"
            f" allowed: ({count},) whole numbers from 0 to {limit}, one a snapshot",
        )
    return [int(value) for value in values]


def _within(values: NDArray[Any], limit: int) -> bool:
    return bool(values.min() >= 0 and values.max() <= limit)


def _named_times(path: Path, array: StoredArray, count: int) -> list[int]:
    names = array.whole()
    if names.shape != (count,) or names.dtype.kind != "U":
        raise RecordingError(
            path,
            f"{array.label}has shape {names.shape} of {names.dtype},"
            f" allowed: ({count},) texts, one a snapshot",
        )
    starts_ns = []
    for i, name in enumerate(array.values()):
        start_ns = ims.ims_time_ns(name)
        if start_ns is None:
            raise RecordingError(
                path, f"{array.label}item {i} is {shown(name)}, allowed: YYYY.MM.DD.HH.MM.SS"
            )
        starts_ns.append(start_ns)
    return starts_ns


def write_recording(
    path: Path,
    samples: ArrayLike,
    *,
    rate_hz: float,
    unit: str | None = None,
    channels: Sequence[str] | None = None,
    start_ns: int | Sequence[int] = 0,
    period_s: float | None = None,
    gaps: Sequence[Gap] = (),
) -> None:
    """Write samples as an .npz file that ``open_recording`` reads.

    The file appears whole or not at all.

    Args:
        path: must end in .npz.
        samples: float32 is what is stored; (n,) or (n, channels), or (bursts, n, channels).
        rate_hz: samples per second and channel.
        unit: unit of the samples.
        channels: one name per channel; c1, c2, ... where None.
        start_ns: time of the first sample, nanoseconds since 1970; for bursts one or one each.
        period_s: seconds from burst to burst; bursts only.
        gaps: where continuous samples are missing.

    Raises:
        RecordingError: the file cannot be written, or could not be read again.
    """
    if path.suffix.lower() != ".npz":
        raise RecordingError(path, f"has the ending {path.suffix!r}, allowed: .npz")
    with damage_reported(path, "samples "), np.errstate(over="ignore"):
        stored = np.asarray(samples, dtype=np.float32)
    if not np.isfinite(stored).all():
        raise RecordingError(path, "samples hold NaN or infinity, allowed: finite numbers")
    arrays: dict[str, Any] = {
        "samples": stored,
        "rate_hz": np.float64(rate_hz),
        "start_ns": np.asarray(start_ns, dtype=np.int64),
    }
    if unit is not None:
        arrays["unit"] = np.str_(unit)
    if channels is not None:
        arrays["channels"] = np.array(channels, dtype=np.str_)
    if period_s is not None:
        arrays["period_s"] = np.float64(period_s)
    if gaps:
        arrays["gap_at"] = np.array([gap.at for gap in gaps], dtype=np.int64)
        arrays["gap_ns"] = np.array([gap.start_ns for gap in gaps], dtype=np.int64)
    with damage_reported(path, ""), replacing(path, durable=False) as new:
        with new.open("wb") as file:
            np.savez_compressed(file, **arrays)
        try:
            read_npz(new, RecordingOptions())
        except RecordingError as error:
            raise RecordingError(path, error.problem) from None
