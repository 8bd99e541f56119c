"""Bundles that come late: an asset without one that works is judged anew when its file changes."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.daemon.backoff import Backoff
from edge_agent.daemon.judged import Judged, judge
from edge_agent.daemon.models import Models

_log = logging.getLogger(__name__)

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0

_Stamp = tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found.

    Attributes:
        judged: assets that have a bundle now, or lack one for another reason than before.
        models: with every bundle that was loaded for them.
    """

    judged: tuple[Judged, ...]
    models: Models


class LateBundles:
    """Looks at the files of assets that lack a bundle, on a thread of its own, ever more seldom.

    A file that has not changed is not read again; what is wrong with it, is still wrong.
    """

    def __init__(self) -> None:
        """Begin without having looked."""
        self._backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
        self._due_s = 0.0
        self._stamps: dict[str, _Stamp] = {}  # of what was read last, by path
        self._thread: threading.Thread | None = None
        self._found: Found | None = None

    @property
    def is_looking(self) -> bool:
        """A look has begun and was not taken."""
        return self._thread is not None

    def look(self, now_s: float, lacking: Sequence[Judged], models: Models) -> None:
        """Begin to look for the bundles of ``lacking``, where it is time to.

        Args:
            now_s: monotonic.
            lacking: assets without a bundle that works.
            models: those in use, which are not loaded again.
        """
        if not lacking or self.is_looking or now_s < self._due_s:
            return
        self._thread = threading.Thread(
            target=self._run, args=(lacking, models), name="late bundles", daemon=True
        )
        self._thread.start()

    def take(self, now_s: float) -> Found | None:
        """Return what the last look found, once; None where it goes on or found nothing."""
        if self._thread is None or self._thread.is_alive():
            return None
        self._thread = None
        found, self._found = self._found, None
        if found is not None:
            self._backoff.reset()
        self._due_s = now_s + self._backoff.next_wait_s()
        return found

    def join(self, timeout_s: float) -> None:
        """Wait for a look that has begun."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self, lacking: Sequence[Judged], models: Models) -> None:
        renewed: Models | None = None
        news = []
        for before in lacking:
            path = before.asset.bundle
            stamp = _stamp(Path(path))  # before it is read: what comes meanwhile is another one
            if path in self._stamps and self._stamps[path] == stamp:
                continue
            self._stamps[path] = stamp
            renewed = renewed or models.renewed()
            judged = _judge(before, renewed)
            if judged.bundle is not None or judged.reason != before.reason:
                news.append(judged)
        if news and renewed is not None:
            self._found = Found(tuple(news), renewed)


def _judge(before: Judged, models: Models) -> Judged:
    try:
        return judge(before.asset, models)
    except Exception as error:  # noqa: BLE001 - whatever a file leads to, the others are scored
        _log.exception("asset %s: %s", before.asset.name, before.asset.bundle)
        return Judged(before.asset, None, f"{type(error).__name__}: {error}")


def _stamp(file: Path) -> _Stamp:
    """Return what differs between two files of one name; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
