"""Keeps a flood out of the log: equal lines, and lines of one format, only so many a minute."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

SPAN_S = 60.0
EQUAL_MAX = 5  # the same text, within the span
ALIKE_MAX = 300  # one format with whatever in it: fifty assets may say it some times each
_TEXTS_MAX = 2000
_NEW_EACH_TIME = "texts that were new each time"

_Key = tuple[str, int, str, bool]


@dataclass(slots=True)
class _Count:
    said: int = 0
    suppressed: int = 0


class FloodFilter(logging.Filter):
    """Lets the first lines of a flood pass, and says at the end of its minute how many it did not.

    They are told of also when nothing else is said by then: a timer runs for that, and only while
    something is suppressed.
    """

    def __init__(
        self, handler: logging.Handler, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Guard ``handler``, which also takes what is said of the suppressed lines."""
        super().__init__()
        self._handler = handler
        self._clock = clock
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._counts: dict[_Key, _Count] = {}
        self._ends_s = clock() + SPAN_S

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether ``record`` may pass."""
        with self._lock:
            now_s = self._clock()
            over = self._take() if now_s >= self._ends_s else []
            name, level = record.name, record.levelno
            passes = self._admits((name, level, record.getMessage(), True), EQUAL_MAX)
            if passes:
                passes = self._admits((name, level, str(record.msg), False), ALIKE_MAX)
            if not passes and self._timer is None:
                self._timer = threading.Timer(max(0.0, self._ends_s - now_s), self.flush)
                self._timer.daemon = True
                self._timer.start()
        self._tell(over)
        return passes

    def flush(self) -> None:
        """Say what was suppressed so far, and begin to count anew."""
        with self._lock:
            over = self._take()
        self._tell(over)

    def _admits(self, key: _Key, most: int) -> bool:
        if key not in self._counts and len(self._counts) >= _TEXTS_MAX:
            key, most = (*key[:2], _NEW_EACH_TIME, False), ALIKE_MAX
        count = self._counts.setdefault(key, _Count())
        count.said += 1
        if count.said <= most:
            return True
        count.suppressed += 1
        return False

    def _take(self) -> list[tuple[_Key, int]]:
        over = [(key, count.suppressed) for key, count in self._counts.items() if count.suppressed]
        self._counts.clear()
        self._ends_s = self._clock() + SPAN_S
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return over

    def _tell(self, over: list[tuple[_Key, int]]) -> None:
        for (name, level, text, is_equal), suppressed in over:
            like = "equal to this" if is_equal else "of this kind"
            said = f"{suppressed} lines {like} suppressed: {text}"
            summary = logging.LogRecord(name, level, __file__, 0, said, (), None)
            self._handler.acquire()
            try:
                self._handler.emit(summary)
            finally:
                self._handler.release()
