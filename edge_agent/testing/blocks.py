"""One block against what the sensor said about itself."""

import math

import numpy as np

from edge_agent.plugin import Block, SensorInfo
from edge_agent.testing.conformance import ConformanceError

INFO_IS_VALID = "info is valid after open"
IS_BLOCK = "read returns a Block or None"
IS_FLOAT32 = "samples are float32"
IS_SHAPED = "samples have the shape (n, channels) with n of at least 1"
IS_CONTIGUOUS = "samples are C-contiguous"
IS_FINITE = "samples are finite"
AGREES_WITH_INFO = "channels, rate and unit of a block are those of info"
HAS_WHOLE_NANOSECONDS = "start_ns is an integer"


def check_info(info: object) -> SensorInfo:
    """Check that ``info`` can describe blocks.

    Raises:
        ConformanceError: it cannot.
    """
    if not isinstance(info, SensorInfo):
        raise ConformanceError(INFO_IS_VALID, f"found {type(info).__name__}, want SensorInfo")
    names = info.channels
    if not isinstance(names, tuple) or not names:
        raise ConformanceError(INFO_IS_VALID, f"channels is {names!r}, want a non-empty tuple")
    if len(set(names)) != len(names) or not all(isinstance(n, str) and n for n in names):
        raise ConformanceError(INFO_IS_VALID, f"channels is {names!r}, want different names")
    for field in ("rate_hz", "period_s", "range_max"):
        number = getattr(info, field)
        if number is not None and not (math.isfinite(number) and number > 0):
            raise ConformanceError(INFO_IS_VALID, f"{field} is {number!r}, want above 0 or None")
    if info.unit is not None and not (isinstance(info.unit, str) and info.unit):
        raise ConformanceError(INFO_IS_VALID, f"unit is {info.unit!r}, want a name or None")
    if info.clock not in ("boot", "source"):
        raise ConformanceError(INFO_IS_VALID, f"clock is {info.clock!r}, want 'boot' or 'source'")
    return info


def check_block(block: object, info: SensorInfo) -> Block:
    """Check one block that ``read`` returned.

    Raises:
        ConformanceError: the block breaks a promise or disagrees with ``info``.
    """
    if not isinstance(block, Block):
        raise ConformanceError(IS_BLOCK, f"found {type(block).__name__}")
    samples: object = block.samples
    if not isinstance(samples, np.ndarray) or samples.dtype != np.float32:
        raise ConformanceError(IS_FLOAT32, f"found {getattr(samples, 'dtype', type(samples))}")
    if samples.ndim != 2 or samples.shape[0] < 1 or samples.shape[1] != len(info.channels):  # noqa: PLR2004 - rows and columns
        want = f"want (n, {len(info.channels)})"
        raise ConformanceError(IS_SHAPED, f"found {samples.shape}, {want}")
    if not samples.flags.c_contiguous:
        raise ConformanceError(IS_CONTIGUOUS, f"strides {samples.strides} of {samples.shape}")
    if not np.isfinite(samples).all():
        row, column = np.argwhere(~np.isfinite(samples))[0]
        raise ConformanceError(
            IS_FINITE, f"found {samples[row, column]} in row {row} of {info.channels[column]}"
        )
    if not isinstance(block.start_ns, int) or isinstance(block.start_ns, bool):
        raise ConformanceError(HAS_WHOLE_NANOSECONDS, f"found {block.start_ns!r}")
    for field in ("channels", "rate_hz", "unit"):
        stated, found = getattr(info, field), getattr(block, field)
        if stated != found:
            raise ConformanceError(AGREES_WITH_INFO, f"{field} is {found!r}, info says {stated!r}")
    return block
