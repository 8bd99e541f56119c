"""Faults of a sensor that leave nothing to judge: a flat line, a stuck rail, a lost bias.

A window that merely touches the rails is none: a failing bearing does that.
"""

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.block import InputSpec

CLIP_SHARE = 0.999  # of the range: a converter's last code may lie a step below its end
_SHORTEST = 16  # samples; fewer may well be equal by chance
_LOOK = 64  # samples that decide nearly always that a channel moves
_STUCK_SHARE = 0.9  # of a window at one and the same end of the range
_LEARNED = 20  # windows until a bias counts as known
_MEMORY = 200  # windows over which it is averaged
_STEADY = 5.0  # a known bias is this many times its own mean deviation
_LOST_SHARE = 0.1  # of the usual bias; less is none
_PART = 256  # samples of a window, evenly spread, where an estimate does


class BiasState(msgspec.Struct, frozen=True):
    """What is known of a sensor's bias; sizes are of the vector of all channels' means.

    Attributes:
        windows: that it was learned from.
        usual: its usual size.
        spread: mean deviation from ``usual``.
        vibration: largest root mean square of the vibration in those windows.
    """

    windows: int = 0
    usual: float = 0.0
    spread: float = 0.0
    vibration: float = 0.0


@dataclass(frozen=True, slots=True)
class Sensed:
    """What one window tells of its sensor.

    Attributes:
        bias: length of the vector of all channels' means, context left aside, in the unit.
        vibration: root mean square of what is left of the samples, likewise over all channels.
    """

    bias: float
    vibration: float


def stuck(
    samples: NDArray[np.float32], range_max: float | None, spec: InputSpec, *, clipped: bool
) -> str | None:
    """Say which channel is a flat line or stays at one end of the range; None where none does.

    Context is left aside: a speed may well be constant.

    Args:
        samples: one window, float32 (n, channels), channels as in ``spec``.
        range_max: largest magnitude that the sensor can deliver; None where unknown.
        spec: names the channels, and which of them are context.
        clipped: the window touches the range.
    """
    if len(samples) < _SHORTEST:
        return None
    still = (samples[:_LOOK] == samples[0]).all(axis=0)
    if still.any():
        still &= (samples == samples[0]).all(axis=0)
        for i in np.flatnonzero(still):
            if spec.channels[i] not in spec.context:
                at = f"{samples[0, i] + 0.0:.4g} {spec.unit or ''}".rstrip()
                return f"flat line: every sample of channel {spec.channels[i]} is {at}"
    if range_max is None or not clipped:
        return None
    rail = CLIP_SHARE * range_max
    part = samples[:: max(1, len(samples) // _PART)]
    for end, sign in (("upper", 1.0), ("lower", -1.0)):
        # A part of the samples decides nearly always that a channel moves.
        for i in np.flatnonzero((sign * part >= rail).mean(axis=0) >= _STUCK_SHARE / 2):
            share = float((sign * samples[:, i] >= rail).mean())
            if share >= _STUCK_SHARE and spec.channels[i] not in spec.context:
                return (
                    f"stuck at the {end} end of its range: {share:.0%} of the samples of channel"
                    f" {spec.channels[i]}"
                )
    return None


class BiasWatch:
    """Learns the size of a sensor's bias, and says when it is gone.

    It goes by the length of the vector of all channels' means: gravity seen by three axes keeps
    its length however the sensor is turned. Nothing is said of a bias that is smaller than the
    vibration, or not steady: an AC-coupled sensor has none that could be lost.
    """

    def __init__(self, spec: InputSpec) -> None:
        """Begin without knowing anything."""
        self._columns = [i for i, name in enumerate(spec.channels) if name not in spec.context]
        self._unit = spec.unit or ""
        self.state = BiasState()

    def sense(self, bias: NDArray[np.float32], samples: NDArray[np.float32]) -> Sensed:
        """Measure a window.

        Args:
            bias: each channel's mean, float32 (channels,).
            samples: of the window, float32 (n, channels).
        """
        # A part of the samples does: this is no feature.
        part = (samples[:: max(1, len(samples) // _PART)] - bias)[:, self._columns]
        return Sensed(
            float(np.linalg.norm(bias[self._columns])),
            float(np.sqrt(np.square(part).mean(axis=0).sum())),
        )

    def lost(self, sensed: Sensed) -> str | None:
        """Say that the bias is lost; None where it is there, or was never known."""
        known = self.state
        least = max(_STEADY * known.spread, known.vibration)
        if known.windows < _LEARNED or known.usual <= least:
            return None
        size = sensed.bias
        if not size <= _LOST_SHARE * known.usual:
            return None
        unit = f" {self._unit}".rstrip()
        return f"bias lost: it was {known.usual:.3g}{unit} and is {size:.2g}{unit}"

    def learn(self, sensed: Sensed) -> None:
        """Learn from a window of the running machine that has no fault."""
        known = self.state
        windows = min(known.windows + 1, _MEMORY)
        usual = known.usual + (sensed.bias - known.usual) / windows
        self.state = BiasState(
            windows,
            usual,
            known.spread + (abs(sensed.bias - usual) - known.spread) / windows,
            max(known.vibration, sensed.vibration),
        )
