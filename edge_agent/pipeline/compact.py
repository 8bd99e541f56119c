"""Curves as small as a picture of them allows: sixteen bits a value."""

from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

_LARGEST = 32767


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers in sixteen bits each.

    Attributes:
        scale: value of one step.
        data: int16, little endian, in base64; times ``scale`` they are the numbers.
    """

    scale: float
    data: bytes

    def values(self) -> NDArray[np.float64]:
        """Return the numbers, float64 (n,)."""
        steps = np.frombuffer(self.data, dtype="<i2")
        values: NDArray[np.float64] = steps * self.scale
        return values


class Waveform(msgspec.Struct, frozen=True, kw_only=True):
    """The course of one channel within a window.

    Attributes:
        kind: ``samples``: one after the other; ``extremes``: lowest and highest of each piece in
            turn, where the window has more samples than are shown.
        step_s: from one sample, or one pair, to the next; null where the rate is unknown.
        values: in the unit of the samples, without their mean.
    """

    kind: Literal["samples", "extremes"]
    step_s: float | None
    values: Curve


def curve(values: NDArray[np.floating[Any]]) -> Curve:
    """Return finite ``values``, float (n,), to within 1/65000 of the largest."""
    largest = float(np.abs(values).max(initial=0.0))
    scale = float(f"{largest / _LARGEST:.6g}") or 1.0
    steps = np.clip(np.rint(values / scale), -_LARGEST, _LARGEST).astype("<i2")
    return Curve(scale=scale, data=steps.tobytes())


def waveform(samples: NDArray[np.float32], rate_hz: float | None, points: int) -> Waveform:
    """Return a picture of ``samples``, float32 (n,), of at most ``points`` numbers, an even number.

    Where there are more samples, peaks are kept: a picture of every tenth sample would lose them.
    """
    n = len(samples)
    if n <= points:
        step_s = None if rate_hz is None else 1 / rate_hz
        return Waveform(kind="samples", step_s=step_s, values=curve(samples))
    pieces = points // 2
    per_piece = -(-n // pieces)
    padded = np.pad(samples, (0, -n % per_piece), mode="edge").reshape(-1, per_piece)
    extremes = np.stack((padded.min(axis=1), padded.max(axis=1)), axis=1).reshape(-1)
    step_s = None if rate_hz is None else per_piece / rate_hz
    return Waveform(kind="extremes", step_s=step_s, values=curve(extremes))
