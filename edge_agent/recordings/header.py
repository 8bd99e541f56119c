"""The facts about an array of samples: in an .npz file beside it, for an .npy file in a JSON file.

=========  =================================  ======================================================
key        value                              where it is missing
=========  =================================  ======================================================
rate_hz    samples per second                 must be given with --rate-hz
unit       unit of the samples                None, or --unit
channels   one name per channel               c1, c2, ...
start_ns   nanoseconds since 1970 of the      0
           first sample; for bursts one
           number, or one per burst
period_s   seconds from burst to burst        bursts follow one another without a pause
gap_at     number of the first sample after   nothing is missing
           each place where samples are
           missing; continuous samples only
gap_ns     nanoseconds since 1970 of each of  must be there with gap_at
           these samples
=========  =================================  ======================================================

The array is (n,) or (n, channels) for continuous samples and (bursts, n, channels) for bursts,
integers or floats, in the unit itself: nothing is scaled.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.recordings.bursts import BurstRecording
from edge_agent.recordings.continuous import BLOCK_LENGTH, NS, ContinuousRecording, Gap
from edge_agent.recordings.finite import finite_float32
from edge_agent.recordings.recording import (
    MAX_CHANNELS,
    RecordingError,
    RecordingOptions,
    agreed_rate_hz,
    agreed_unit,
    listed,
    numbered_channels,
    required_rate_hz,
)
from edge_agent.recordings.stored_array import StoredArray

_LATEST_NS = 2**63 - 1
Time = Annotated[int, msgspec.Meta(ge=0, le=_LATEST_NS)]
Position = Annotated[int, msgspec.Meta(ge=1, le=_LATEST_NS)]
_READ_BYTES = 1 << 19
_BURST_DIMENSIONS = 3


class RecordingHeader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file says about its array; see the table above."""

    rate_hz: float | None = None
    unit: str | None = None
    channels: tuple[str, ...] | None = None
    start_ns: Time | tuple[Time, ...] = 0
    period_s: float | None = None
    gap_at: tuple[Position, ...] = ()
    gap_ns: tuple[Time, ...] = ()


def described_array(
    path: Path, array: StoredArray, header: RecordingHeader, options: RecordingOptions
) -> ContinuousRecording | BurstRecording:
    """Return the recording that ``array`` and ``header`` make together.

    Raises:
        RecordingError: they do not fit each other, or the rate is missing.
    """
    array = array.real_numbers()
    if not 1 <= len(array.shape) <= _BURST_DIMENSIONS:
        raise RecordingError(
            path,
            f"{array.label}has shape {array.shape},"
            " allowed: (n,), (n, channels) or (bursts, n, channels)",
        )
    channels = _channels(path, array, header)
    if header.rate_hz is None:
        rate_hz = required_rate_hz(path, options, "the file")
    else:
        rate_hz = agreed_rate_hz(path, header.rate_hz, options, "rate_hz")
    unit = options.unit
    if header.unit is not None:
        unit = agreed_unit(path, header.unit, options, "unit")
    gaps = _gaps(path, array, header)
    if len(array.shape) == _BURST_DIMENSIONS:
        return _bursts(path, array, header, channels, rate_hz, unit)
    if header.period_s is not None or not isinstance(header.start_ns, int):
        raise RecordingError(
            path,
            f"period_s or several start_ns belong to bursts,"
            f" but the array has shape {array.shape}, allowed: (bursts, n, channels)",
        )

    def read() -> Iterator[NDArray[np.float32]]:
        done = 0
        for part in array.parts(BLOCK_LENGTH):
            rows = part.reshape(len(part), len(channels))
            yield finite_float32(path, rows, array.label or "the array", channels, first=done)
            done += len(part)

    return ContinuousRecording(
        path, channels, rate_hz, unit, header.start_ns, array.shape[0], read, gaps
    )


def _gaps(path: Path, array: StoredArray, header: RecordingHeader) -> tuple[Gap, ...]:
    at, length = header.gap_at, array.shape[0]
    if at and len(array.shape) == _BURST_DIMENSIONS:
        raise RecordingError(path, "has gap_at, allowed: none with bursts, whose times tell")
    if len(header.gap_ns) != len(at):
        raise RecordingError(
            path, f"gap_ns has {len(header.gap_ns)} times, allowed: {len(at)}, one for each gap_at"
        )
    if any(b <= a for a, b in pairwise((0, *at))) or (at and at[-1] >= length):
        raise RecordingError(
            path, f"gap_at is {listed(list(map(str, at)))}, allowed: rising, from 1 to {length - 1}"
        )
    return tuple(map(Gap, at, header.gap_ns))


def _channels(path: Path, array: StoredArray, header: RecordingHeader) -> tuple[str, ...]:
    count = array.shape[-1] if len(array.shape) > 1 else 1
    if count > MAX_CHANNELS:
        raise RecordingError(
            path,
            f"{array.label}has shape {array.shape}, so {count} channels, allowed: at most"
            f" {MAX_CHANNELS}; samples go down the rows, channels across",
        )
    if header.channels is None:
        return numbered_channels(count)
    if len(header.channels) != count or len(set(header.channels)) != count:
        raise RecordingError(
            path,
            f"channels are {list(header.channels)} but the array has {count} columns,"
            " allowed: one name for each, none twice",
        )
    return header.channels


def _bursts(
    path: Path,
    array: StoredArray,
    header: RecordingHeader,
    channels: tuple[str, ...],
    rate_hz: float,
    unit: str | None,
) -> BurstRecording:
    bursts, length = array.shape[0], array.shape[1]
    period_s = length / rate_hz if header.period_s is None else header.period_s
    if not 0 < period_s * NS * bursts < _LATEST_NS:
        raise RecordingError(
            path, f"period_s is {period_s}, allowed: above 0, and no burst after the year 2262"
        )
    starts_ns: Sequence[int]
    if isinstance(header.start_ns, int):
        starts_ns = [header.start_ns + round(i * period_s * NS) for i in range(bursts)]
    elif len(header.start_ns) == bursts:
        starts_ns = header.start_ns
    else:
        raise RecordingError(
            path, f"start_ns has {len(header.start_ns)} times, allowed: 1 or {bursts}, one a burst"
        )
    return burst_array(
        array, channels=channels, rate_hz=rate_hz, unit=unit, period_s=period_s, starts_ns=starts_ns
    )


def burst_array(
    array: StoredArray,
    *,
    channels: tuple[str, ...],
    rate_hz: float,
    unit: str | None,
    period_s: float,
    starts_ns: Sequence[int],
    divisor: float = 1.0,
) -> BurstRecording:
    """Return the recording of an array (bursts, n, channels); values are divided by ``divisor``."""

    def read() -> Iterator[NDArray[np.float32]]:
        burst_bytes = array.byte_count // array.shape[0]
        parts = array.parts(max(1, _READ_BYTES // burst_bytes))
        for i, burst in enumerate(chain.from_iterable(parts)):
            where = f"{array.label}burst {i}"
            yield finite_float32(array.path, burst, where, channels, divisor=divisor)

    return BurstRecording(
        path=array.path,
        channels=channels,
        rate_hz=rate_hz,
        unit=unit,
        period_s=period_s,
        burst_length=array.shape[1],
        starts_ns=starts_ns,
        read=read,
    )
