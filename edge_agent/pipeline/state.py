"""What a flow carries from window to window, as one serialisable value."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.alarm import AnomaliesState, Detector, RuleState
from edge_agent.pipeline.faults import BiasState

_DTYPES = ("<f4", "<f8")


class Array(msgspec.Struct, frozen=True):
    """A float32 or float64 array, bit for bit."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


class Past(msgspec.Struct, frozen=True):
    """A vector that was scored, and when its window began: UTC nanoseconds since the Unix epoch."""

    start_ns: int
    vector: Array


class FlowState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a flow stands; samples of a window that is not full yet are not part of it.

    ``idle_since_ns`` is a time of the clock that nobody sets, ``utc_offset_ns`` that clock's, None
    before the first window: both mean nothing on another one.
    """

    index: int
    washout_left: int
    broken: bool
    idle_since_ns: int | None
    utc_offset_ns: int | None
    denoiser: Array | None
    predictor: dict[str, Array]
    smoothed: Array
    threshold: Array
    level: Array | None
    rules: dict[Detector, RuleState]
    anomalies: AnomaliesState
    recent: tuple[Past, ...]
    bias: BiasState


class FlowMark(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow has told the world, and must never tell again otherwise.

    ``utc_offset_ns`` is as in FlowState. Small, so that it can be kept with every window, where the
    whole state is kept now and then.
    """

    index: int
    utc_offset_ns: int | None
    rules: dict[Detector, RuleState]
    anomalies: AnomaliesState


def pack(array: NDArray[np.floating[Any]]) -> Array:
    """Return ``array`` as a serialisable value."""
    return Array(array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())


def unpack(array: Array) -> NDArray[np.floating[Any]]:
    """Return the array again, writeable.

    Raises:
        ValueError: another dtype than those, or the bytes do not fill the shape.
    """
    if array.dtype not in _DTYPES:
        raise ValueError(f"array of dtype {array.dtype!r}, allowed: {', '.join(_DTYPES)}")
    return np.frombuffer(array.data, dtype=np.dtype(array.dtype)).reshape(array.shape).copy()
