"""How a test waits for what other processes and threads do."""

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], object], timeout_s: float = 180.0, look_s: float = 0.02
) -> bool:
    """Return whether ``condition`` came about; only a failure waits for all of ``timeout_s``.

    A condition that raises has not come about: it looks into something that another process has not
    yet said. What it raises at the end of the time is raised here.
    """
    deadline_s = time.monotonic() + timeout_s
    while True:
        is_last = time.monotonic() > deadline_s
        try:
            if condition():
                return True
        except Exception:
            if is_last:
                raise
        if is_last:
            return False
        time.sleep(look_s)
