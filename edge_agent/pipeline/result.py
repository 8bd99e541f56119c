"""What comes out of the arrow: the result of one window."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.alarm import Event
from edge_agent.pipeline.faults import Sensed

Reason = Literal[
    "idle", "gap", "washout", "invalid", "regime", "sensor_fault", "error", "commissioning"
]


class Measured(NamedTuple):
    """What comes of a window's samples before anything is judged; see WindowResult."""

    vector: NDArray[np.float32] | None = None
    bias: NDArray[np.float32] | None = None
    sensed: Sensed | None = None
    velocity_mm_s: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class WindowResult:
    """What became of one window.

    Attributes:
        index: counts the asset's windows from 0.
        start_ns: time of the first sample, UTC nanoseconds since the Unix epoch.
        end_ns: time just after the last sample.
        vector: features, float32 (F,); None where they could not be computed.
        bias: removed mean of each channel, float32 (channels,); None for feature input.
        score: the network's smoothed score; None with a reason where the window was not scored.
        threshold: of ``score``.
        level_score: the level detector's score; None where it was not scored or there is none.
        level_threshold: of ``level_score``.
        anomaly: True exactly while an alarm is open.
        reason: why ``score`` is None.
        detail: more on the reason, for a person.
        shares: each feature's share of ``score``, without the context, float32, sum 1.
        gap: windows are missing before this one.
        clipped: the input range was touched.
        event: what this window changed, if anything.
        utc_offset_ns: as the window's.
        velocity_mm_s: rms velocity of each vibration channel, float32; None where no limit is set
            or nothing could be measured.
        velocity_limit_mm_s: of the largest of them; None where none is set.
        sensed: what the window tells of the sensor; None as ``bias``.
    """

    index: int
    start_ns: int
    end_ns: int
    vector: NDArray[np.float32] | None
    bias: NDArray[np.float32] | None
    score: float | None
    threshold: float
    level_score: float | None
    level_threshold: float | None
    anomaly: bool
    reason: Reason | None
    detail: str | None
    shares: NDArray[np.float32] | None
    gap: bool
    clipped: bool
    event: Event | None
    utc_offset_ns: int = 0
    velocity_mm_s: NDArray[np.float32] | None = None
    velocity_limit_mm_s: float | None = None
    sensed: Sensed | None = None

    @property
    def steady_ns(self) -> int:
        """Time of the first sample on the clock that nobody sets."""
        return self.start_ns - self.utc_offset_ns


@dataclass(frozen=True, slots=True)
class PastWindow:
    """What a flow needs of a window to take it again.

    Attributes:
        start_ns: time of the first sample, UTC nanoseconds since the Unix epoch.
        end_ns: time just after the last sample.
        utc_offset_ns: as the window's.
        gap: windows were missing before it.
        vector: features, float32 (F,); None where they could not be computed.
        sensed: what it told of the sensor; None where it was no window of samples.
    """

    start_ns: int
    end_ns: int
    utc_offset_ns: int
    gap: bool
    vector: NDArray[np.float32] | None
    sensed: Sensed | None
