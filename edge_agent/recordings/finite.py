"""Raw numbers of any kind become the float32 samples of a block, or an error that says where."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.recordings.recording import RecordingError


def finite_float32(
    path: Path,
    raw: NDArray[Any],
    where: str,
    channels: tuple[str, ...],
    *,
    divisor: float = 1.0,
    first: int = 0,
) -> NDArray[np.float32]:
    """Return ``raw / divisor`` as C-contiguous float32.

    Args:
        path: named in the error.
        raw: real numbers, shape (n, channels).
        where: which part of the file this is, for the error.
        channels: names of the columns, for the error.
        divisor: divides in double precision, so that stored thousandths give the same float32 as
            the printed decimals they came from.
        first: number of the first row, for the error.

    Raises:
        RecordingError: a number is NaN, infinite or too large for float32.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = raw if divisor == 1.0 else raw / divisor
        samples = np.ascontiguousarray(scaled, dtype=np.float32)
        # One pass without a mask: a sum of finite float32 in double precision cannot overflow.
        total = samples.sum(dtype=np.float64)
    if not np.isfinite(total):
        row, column = (int(i) for i in np.argwhere(~np.isfinite(samples))[0])
        raise RecordingError(
            path,
            f"{where}: sample {first + row} of channel {channels[column]} is {raw[row, column]},"
            " allowed: finite numbers that fit float32",
        )
    return samples
