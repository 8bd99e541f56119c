"""The rings of all assets: written by the store's thread, read by whoever needs the past.

Scoring never depends on them: a file that is damaged is set aside, one that cannot be written is
reported and tried again, and windows go on being scored.
"""

import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.config.settings import RecorderSettings
from edge_agent.daemon.recorder.ring import DamagedRingError, Ring
from edge_agent.daemon.recorder.rows import Layout, RecordedRow, Rows, rows_of

_log = logging.getLogger(__name__)

FOLDER = "recorder"
RETRY_S = 60.0
_DAY_S = 86_400.0
_FEWEST = 64  # rows, whatever the settings say: less is of no use to anybody
_NOBODY = Layout(
    asset="",
    sensor="",
    feature_hash="",
    features=(),
    channels=(),
    context=(),
    unit=None,
    rate_hz=None,
    length=1,
    period_s=None,
)


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """How far back the recorder of an asset goes.

    Attributes:
        windows: that it can be asked for.
        since: start of the oldest; None where there is none.
        capacity: windows that its file holds, 0 where there is no file.
        bytes: of the file, from its beginning on.
        problem: why nothing is recorded.
    """

    windows: int
    since: str | None
    capacity: int
    bytes: int
    problem: str | None


@dataclass(slots=True)
class _Asset:
    """One asset's ring.

    Attributes:
        end: index after the newest row that was told of.
        ring: the open file.
        layout: of the rows that the open file is known to take.
        first: index of the oldest row when the file was opened.
        problem: why there is no ring.
        retry_s: when to try again, monotonic.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    end: int | None = None
    ring: Ring | None = None
    layout: Layout | None = None
    first: int = 0
    problem: str | None = None
    retry_s: float = 0.0


class Recorder:
    """What is remembered of every asset."""

    def __init__(self, folder: Path, settings: RecorderSettings) -> None:
        """Keep the files in ``folder``, which is created with the first of them."""
        self.folder = folder
        self._settings = settings
        self._assets: dict[str, _Asset] = {}
        self._lock = threading.Lock()

    def watch(self, name: str, end: int | None) -> int:
        """Get ready to record an asset; return the index of its next window.

        Args:
            name: of the asset.
            end: index after the last window that was told of; what the file holds beyond it is
                left aside. None: nobody knows, the file tells.
        """
        asset = self._of(name)
        with asset.lock:
            if end is not None:
                asset.end = end
            elif asset.end is None:
                self._open(name, asset)
                newest = None if asset.ring is None else self._newest(name, asset)
                asset.end = 0 if newest is None else newest + 1
            return asset.end

    def write(self, row: RecordedRow) -> None:
        """Record a window; never fails: what is wrong is in the status and in the log.

        The first row of another layout takes the place of all that came before.
        """
        name = row.layout.asset
        asset = self._of(name)
        with asset.lock:
            if asset.problem is not None and time.monotonic() < asset.retry_s:
                return
            try:
                ring = self._ring_for(name, asset, row)
                ring.write(row)
            except OSError as error:
                self._give_up(name, asset, error)
                return
            if asset.problem is not None:
                _log.info("asset %s: the flight recorder works again", name)
                asset.problem = None
            asset.end = max(asset.end or 0, row.index + 1)

    def read(self, asset: str, *, last: int | None = None, since_index: int | None = None) -> Rows:
        """Return what is recorded of ``asset``, oldest first; of an unknown asset nothing.

        Args:
            asset: its name.
            last: so many of the newest indices; None: as far back as it goes.
            since_index: no window before this one.
        """
        known = self._of(asset)
        with known.lock:
            self._open(asset, known)
            ring = known.ring
            if ring is None:
                return rows_of(np.empty(0, dtype=_NOBODY.dtype), None)
            if known.end is None:
                newest = self._newest(asset, known)
                known.end = 0 if newest is None else newest + 1
            first = 0 if since_index is None else since_index
            if last is not None:
                first = max(first, known.end - last)
            try:
                return rows_of(ring.read(first, known.end), ring.layout)
            except OSError as error:
                self._give_up(asset, known, error)
                return rows_of(np.empty(0, dtype=ring.layout.dtype), None)

    def reach(self, asset: str) -> Reach:
        """Return how far back ``asset`` can be read."""
        known = self._of(asset)
        with known.lock:
            self._open(asset, known)
            ring = known.ring
            if ring is None:
                return Reach(windows=0, since=None, capacity=0, bytes=0, problem=known.problem)
            end = known.end or 0
            first = max(known.first, end - ring.capacity)
            try:
                oldest = ring.read(first, min(end, first + 1))
            except OSError as error:
                self._give_up(asset, known, error)
                oldest = np.empty(0, dtype=ring.layout.dtype)
            return Reach(
                windows=max(0, end - first),
                since=rfc3339(int(oldest["start_ns"][0])) if len(oldest) else None,
                capacity=ring.capacity,
                bytes=ring.size,
                problem=known.problem,
            )

    def close(self) -> None:
        """Let go of all files."""
        for asset in self._assets.values():
            with asset.lock:
                _close(asset)

    def capacity(self, layout: Layout) -> int:
        """Return how many rows of ``layout`` the settings allow."""
        fitting = int(self._settings.max_mb * 1e6) // layout.dtype.itemsize
        if layout.period_s is not None:
            fitting = min(fitting, -int(-self._settings.days * _DAY_S // layout.period_s))
        return max(_FEWEST, fitting)

    def _of(self, name: str) -> _Asset:
        with self._lock:
            return self._assets.setdefault(name, _Asset())

    def _file(self, name: str) -> Path:
        # "." and ".." are valid names of assets, but not of files.
        return self.folder / f"{name}.ring"

    def _open(self, name: str, asset: _Asset) -> None:
        """Open what is there; leave ``ring`` None where that cannot be."""
        if asset.ring is not None or (asset.problem and time.monotonic() < asset.retry_s):
            return
        file = self._file(name)
        try:
            try:
                asset.ring = Ring.open_file(file)
                asset.first = asset.ring.oldest(asset.end) or 0 if asset.end else 0
            except DamagedRingError as damage:
                self._set_aside(name, file, str(damage))
        except FileNotFoundError:
            return
        except OSError as error:
            self._give_up(name, asset, error)

    def _newest(self, name: str, asset: _Asset) -> int | None:
        """Read the whole file for the newest row: only where nothing else tells."""
        if asset.ring is None:
            return None
        try:
            newest = asset.ring.newest()
            if newest is not None:
                asset.first = asset.ring.oldest(newest + 1) or 0
        except OSError as error:
            self._give_up(name, asset, error)
            return None
        return newest

    def _ring_for(self, name: str, asset: _Asset, row: RecordedRow) -> Ring:
        """Return a ring that takes ``row``. Raises OSError."""
        if asset.ring is not None and asset.layout is row.layout:
            return asset.ring
        self._open(name, asset)
        ring, capacity = asset.ring, self.capacity(row.layout)
        asset.layout = row.layout
        if ring is not None and ring.layout == row.layout and ring.capacity == capacity:
            return ring
        kept = np.empty(0, dtype=row.layout.dtype)
        if ring is not None and ring.layout == row.layout:
            kept = ring.read(row.index - capacity, row.index)
        elif ring is not None:
            _log.info("asset %s: its vectors are others now, the flight recorder begins anew", name)
        _close(asset)
        self.folder.mkdir(parents=True, exist_ok=True)
        asset.layout = row.layout
        ring = Ring.create(self._file(name), row.layout, capacity)
        asset.ring, asset.first = ring, int(kept["index"][0]) if len(kept) else row.index
        for old in kept:
            ring.write(RecordedRow(row.layout, int(old["index"]), old.tobytes()))
        return ring

    def _set_aside(self, name: str, file: Path, damage: str) -> None:
        """Move a damaged file out of the way; the one before it goes. Raises OSError."""
        aside = file.with_name(f"{file.name}.corrupt")
        file.replace(aside)
        _log.error(
            "asset %s: flight recorder %s is damaged (%s) and was set aside as %s",
            name,
            file,
            damage,
            aside.name,
        )

    def _give_up(self, name: str, asset: _Asset, error: OSError) -> None:
        """Do without the file for a while."""
        problem = f"{self._file(name)}: {error.strerror or error}"
        if problem != asset.problem:
            _log.error("asset %s: flight recorder: %s", name, problem)
        asset.problem, asset.retry_s = problem, time.monotonic() + RETRY_S
        _close(asset)


def _close(asset: _Asset) -> None:
    if asset.ring is not None:
        asset.ring.close()
        asset.ring = asset.layout = None
