"""Random numbers with an address: the same number whenever the same place is asked for.

A counter-based generator (Philox: Salmon et al., SC11) is set to the place instead of being run
up to it, so that simulated time may be entered anywhere and cut into blocks anyhow.
"""

import numpy as np
from numpy.typing import NDArray

_CELL = 2048


def normal(seed: int, stream: int, first: int, count: int) -> NDArray[np.float32]:
    """Return standard normal numbers ``first`` to ``first + count`` of a stream, float32."""
    cells = range(first // _CELL, (first + count - 1) // _CELL + 1)
    parts = [_cell(seed, stream, cell) for cell in cells]
    numbers = parts[0] if len(parts) == 1 else np.concatenate(parts)
    begin = first - cells[0] * _CELL
    return numbers[begin : begin + count]


def _cell(seed: int, stream: int, cell: int) -> NDArray[np.float32]:
    # Cells before time zero count down from the largest word. The lowest word counts the draws.
    place = np.array([0, cell % 2**64, 0, 0], dtype=np.uint64)
    key = np.array([seed, stream], dtype=np.uint64)
    generator = np.random.Generator(np.random.Philox(counter=place, key=key))
    return generator.standard_normal(_CELL, dtype=np.float32)
