"""Timing of calls that take turns, so that whatever else the machine does meets all of them."""

import time
from collections.abc import Callable


def cpu_times_us(
    calls: dict[str, Callable[[], object]], *, turns: int, repeat: int
) -> dict[str, list[float]]:
    """Call A B A B ... and return what each call cost in each turn.

    Time on the processor is counted, not time on the wall: the longer a call, the likelier it has
    to wait for another process in the middle, and the comparison would favour the short one.

    Args:
        calls: by name; all on this thread.
        turns: how often each has its turn.
        repeat: calls in one turn, one right after the other; their mean counts.

    Returns:
        By name, microseconds per call, one number for each turn.
    """
    for call in calls.values():
        call()
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(turns):
        for name, call in calls.items():
            began_ns = time.thread_time_ns()
            for _ in range(repeat):
                call()
            found[name].append((time.thread_time_ns() - began_ns) / repeat / 1e3)
    return found
