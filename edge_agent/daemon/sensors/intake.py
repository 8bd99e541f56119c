"""Where a sensor's blocks come in: held against what the plugin promised, and given wall time."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge_agent.daemon.clock import WallClock, boot_ns
from edge_agent.daemon.sensors.samples import broken, check_samples
from edge_agent.plugin import Block, SensorInfo

_NS = 1e9
_EARLY_S = 1.0  # a block cannot end later than now; a device's rate may be off by some percent
_RATE_TOLERANCE = 0.05
_JITTER_S = 0.02  # of time stamps that were taken on arrival
_WRONG_STEPS = 10  # in a row; one or two are a device that was disturbed


class Intake:
    """Takes the blocks of one sensor, from one opening to its closing."""

    def __init__(self, info: SensorInfo, clock: WallClock, *, samples: bool = True) -> None:
        """Expect blocks as ``info`` says.

        Args:
            info: of the open sensor.
            clock: tells wall time.
            samples: False where the numbers are features: of those one may be missing.
        """
        self._info = info
        self._clock = clock
        self._samples = samples
        self._before: Block | None = None
        self._wrong_steps = 0

    def take(self, block: Block) -> Block:
        """Return ``block`` with its offset to UTC.

        Raises:
            SensorError: it is not what the plugin interface promises.
        """
        info = self._info
        samples = check_samples(block, len(info.channels))
        if self._samples and not _is_finite(samples):
            row, column = (int(i) for i in np.argwhere(~np.isfinite(samples))[0])
            raise broken(
                f"{samples[row, column]} in channel {info.channels[column]}", "finite samples"
            )
        for name in ("channels", "rate_hz", "unit"):
            found, stated = getattr(block, name), getattr(info, name)
            if found != stated:
                raise broken(f"a block with {name} {found!r}", f"{stated!r} as info says")
        start_ns = block.start_ns
        if not isinstance(start_ns, int) or not -(1 << 62) < start_ns < 1 << 62:
            raise broken(f"start_ns {start_ns!r}", "nanoseconds as an integer")
        self._check_time(block)
        self._before = block
        if info.clock == "source":
            return replace(block, utc_offset_ns=0)
        return replace(block, utc_offset_ns=self._clock.utc_offset_ns())

    def _check_time(self, block: Block) -> None:
        info = self._info
        lasting_s = 0.0 if info.rate_hz is None else len(block.samples) / info.rate_hz
        if info.clock == "boot":
            ahead_s = (block.start_ns - boot_ns()) / _NS + lasting_s / (1 + _RATE_TOLERANCE)
            if ahead_s > _EARLY_S:
                raise broken(
                    f"samples {ahead_s:.3g} s ahead of CLOCK_BOOTTIME: more than its rate gives,"
                    " or times of another clock",
                    "samples that were taken",
                )
        before = self._before
        if before is None:
            return
        step_s = (block.start_ns - before.start_ns) / _NS
        rewound = info.clock == "source" and block.gap_before  # a recording's seam
        if step_s <= 0.0 and not rewound:
            raise broken(f"a block that starts {-step_s:.3g} s before the last", "time running on")
        if block.gap_before or info.rate_hz is None or info.period_s is not None:
            return
        expected_s = len(before.samples) / info.rate_hz
        right = abs(step_s - expected_s) <= _RATE_TOLERANCE * expected_s + _JITTER_S
        self._wrong_steps = 0 if right else self._wrong_steps + 1
        if self._wrong_steps >= _WRONG_STEPS:
            rate_hz = len(before.samples) / step_s
            raise broken(
                f"samples at {rate_hz:.4g} Hz by their times, {_WRONG_STEPS} blocks in a row",
                f"{info.rate_hz:g} Hz as info says, or gap_before where some are missing",
            )


def _is_finite(samples: NDArray[np.float32]) -> bool:
    # A sum of finite float32 in double precision cannot overflow.
    with np.errstate(invalid="ignore"):
        return math.isfinite(samples.sum(dtype=np.float64))
