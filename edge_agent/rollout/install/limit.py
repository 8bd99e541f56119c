"""An end to what takes too long, whatever it waits for."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tuf.api.exceptions import SlowRetrievalError


@contextmanager
def ended_after(timeout_s: float) -> Iterator[None]:
    """Interrupt what is done within, to be used once and by the main thread of a process.

    A server that sends a byte now and then keeps every socket's own timeout waiting.

    Raises:
        SlowRetrievalError: it was not done in time.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise SlowRetrievalError(f"not done in {timeout_s:g} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
