"""The healthy part of a recording, in which every alarm is a false one.

What people confirmed to be a fault is left out of it: an alarm that is open then is theirs.
"""

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]


def is_false(
    opened: int, closed: int | None, healthy: tuple[int, int], confirmed: Flags | None = None
) -> bool:
    """Whether an alarm over windows [opened, closed) is a false one of the healthy part.

    Args:
        opened: first window; the alarm belongs to the part that it lies in.
        closed: None where it never did.
        healthy: windows [first, last) that are said to be healthy.
        confirmed: which windows are of confirmed faults, bool (n,); None where nothing tells.
    """
    if not healthy[0] <= opened < healthy[1]:
        return False
    return confirmed is None or not confirmed[opened:closed].any()


def healthy_span_ns(
    start_ns: NDArray[np.int64],
    end_ns: NDArray[np.int64],
    healthy: tuple[int, int],
    confirmed: Flags | None = None,
) -> float:
    """Return how long the healthy part is, without its share of windows of confirmed faults.

    Args:
        start_ns: int64 (n,), begin of each window.
        end_ns: int64 (n,).
        healthy: see ``is_false``.
        confirmed: see ``is_false``.
    """
    first, last = healthy
    span_ns = float(end_ns[last - 1] - start_ns[first])
    return span_ns if confirmed is None else span_ns * float(1.0 - confirmed[first:last].mean())
