"""What became of a window, and how the flight recorder keeps it, for tests of what comes after."""

from typing import Any

from edge_agent.daemon.recorder import Layout
from edge_agent.pipeline.result import WindowResult

_CALM: dict[str, Any] = {
    "index": 0,
    "start_ns": 0,
    "end_ns": 1,
    "vector": None,
    "bias": None,
    "score": 0.5,
    "threshold": 1.0,
    "level_score": None,
    "level_threshold": None,
    "anomaly": False,
    "reason": None,
    "detail": None,
    "shares": None,
    "gap": False,
    "clipped": False,
    "event": None,
}


def window(**changed: Any) -> WindowResult:
    """A scored and calm window, but for what is ``changed``."""
    return WindowResult(**(_CALM | changed))


def layout(period_s: float = 0.25) -> Layout:
    """Of asset pump-1: channel x, features x_rms and x_peak."""
    return Layout(
        asset="pump-1",
        sensor="bench",
        feature_hash="0" * 64,
        features=("x_rms", "x_peak"),
        channels=("x",),
        context=(),
        unit="g",
        rate_hz=1024.0,
        length=256,
        period_s=period_s,
    )
