"""How a test waits for what other processes and threads do."""

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], object], timeout_s: float = 60.0, look_s: float = 0.02
) -> bool:
    """Return whether ``condition`` came about; only a failure waits for all of ``timeout_s``."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(look_s)
    return True
