"""What a flow carries from window to window, as one serialisable value."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.alarm import Detector, OpenAnomaly

if TYPE_CHECKING:
    from edge_agent.pipeline.flow import Flow


_DTYPES = ("<f4", "<f8")


class Array(msgspec.Struct, frozen=True):
    """A float32 or float64 array, bit for bit."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


class RuleState(msgspec.Struct, frozen=True):
    """Where an alarm rule stands."""

    recent: tuple[bool, ...]
    calm: int
    suppressed: int
    is_open: bool


class FlowState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a flow stands; samples of a window that is not full yet are not part of it."""

    index: int
    washout_left: int
    broken: bool
    idle_since_ns: int | None
    denoiser: Array | None
    predictor: dict[str, Array]
    smoothed: float | None
    level: Array | None
    rules: dict[Detector, RuleState]
    anomalies: int
    open_anomaly: OpenAnomaly | None
    recent: tuple[Array, ...]


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


def snapshot_flow(flow: Flow) -> FlowState:
    """See Flow.state."""
    return FlowState(
        index=flow.index,
        washout_left=flow.washout_left,
        broken=flow.broken,
        idle_since_ns=flow.gate.idle_since_ns,
        denoiser=None if flow.denoiser is None else pack(flow.denoiser.state()),
        predictor={name: pack(a) for name, a in flow.predictor.state().items()},
        smoothed=flow.smoothing.value,
        level=None if flow.level is None else pack(flow.level.smoothed),
        rules={
            name: RuleState(tuple(rule.recent), rule.calm, rule.suppressed, rule.is_open)
            for name, rule in flow.rules.items()
        },
        anomalies=flow.anomalies.count,
        open_anomaly=msgspec.structs.replace(flow.anomalies.open)
        if flow.anomalies.open is not None
        else None,
        recent=tuple(pack(v) for v in flow.recent),
    )


def restore_flow(flow: Flow, state: FlowState) -> None:
    """See Flow.restore."""
    n_features = len(flow.feature_names)
    recent = [unpack(a) for a in state.recent]
    if any(v.shape != (n_features,) for v in recent) or set(state.rules) != set(flow.rules):
        raise ValueError(f"state of another bundle, allowed: vectors of {n_features} features")
    level = None if state.level is None else unpack(state.level)
    expected = None if flow.level is None else flow.level.smoothed
    if getattr(level, "shape", None) != getattr(expected, "shape", None):
        raise ValueError("state of another bundle, whose level detector has other channels")
    if (flow.denoiser is None) != (state.denoiser is None):
        raise ValueError("state of another bundle: only one of the two denoises")
    if flow.denoiser is not None and state.denoiser is not None:
        flow.denoiser.restore(unpack(state.denoiser))
    flow.predictor.restore({name: unpack(a) for name, a in state.predictor.items()})
    flow.index = state.index
    flow.washout_left = state.washout_left
    flow.broken = state.broken
    flow.gate.idle_since_ns = state.idle_since_ns
    flow.smoothing.value = state.smoothed
    if flow.level is not None and level is not None:
        flow.level.smoothed = level.astype(np.float64)
    for name, saved in state.rules.items():
        rule = flow.rules[name]
        rule.recent = deque(saved.recent, maxlen=rule.recent.maxlen)
        rule.calm, rule.suppressed, rule.is_open = saved.calm, saved.suppressed, saved.is_open
    flow.anomalies.count = state.anomalies
    flow.anomalies.open = (
        None if state.open_anomaly is None else msgspec.structs.replace(state.open_anomaly)
    )
    flow.recent = deque(recent, maxlen=flow.recent.maxlen)
