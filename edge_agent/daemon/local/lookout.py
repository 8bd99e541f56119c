"""From the scoring loop to whoever looks on: bounded, without locks, and idle when nobody does.

One thread puts (the scoring loop), one takes. Each counts what it did in a number of its own, so
that their difference says how much is held and neither ever waits for the other.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from edge_agent.daemon.records import AssetRecord
from edge_agent.pipeline.result import WindowResult
from edge_agent.plugin import Block

WINDOWS_MAX = 4096
BLOCK_BYTES_MAX = 8 << 20


class Lookout:
    """Windows for ``tap``, blocks for ``record``.

    Attributes:
        tapped: somebody looks at windows.
        recorded: assets whose blocks somebody wants.
        wake: called when there is something to take.
    """

    def __init__(self) -> None:
        """Begin with nobody looking."""
        self.tapped = False
        self.recorded: frozenset[str] = frozenset()
        self.wake: Callable[[], None] = lambda: None
        self._windows: deque[tuple[str, WindowResult]] = deque()
        self._blocks: deque[tuple[str, Block, float | None]] = deque()
        self._bytes_put = self._bytes_taken = 0
        self._lossy: set[str] = set()
        self.windows_lost = 0

    def window(self, asset: str, result: WindowResult) -> None:
        """Show a window; never waits."""
        if not self.tapped:
            return
        if len(self._windows) >= WINDOWS_MAX:
            self.windows_lost += 1
            return
        self._windows.append((asset, result))
        self.wake()

    def block(self, record: AssetRecord, block: Block) -> None:
        """Show a block; never waits. What follows one that found no room has a gap before it."""
        asset = record.name
        if asset not in self.recorded:
            return
        if self._bytes_put - self._bytes_taken + block.samples.nbytes > BLOCK_BYTES_MAX:
            self._lossy.add(asset)
            return
        if asset in self._lossy:
            self._lossy.discard(asset)
            block = replace(block, gap_before=True)
        self._bytes_put += block.samples.nbytes
        period_s = None if record.info is None else record.info.period_s
        self._blocks.append((asset, block, period_s))
        self.wake()

    def take_window(self) -> tuple[str, WindowResult] | None:
        """Return the oldest window that was not taken yet."""
        return self._windows.popleft() if self._windows else None

    def take_block(self) -> tuple[str, Block, float | None] | None:
        """Return the oldest block that was not taken yet, and the seconds from burst to burst."""
        if not self._blocks:
            return None
        shown = self._blocks.popleft()
        self._bytes_taken += shown[1].samples.nbytes
        return shown
