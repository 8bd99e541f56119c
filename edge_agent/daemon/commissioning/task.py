"""One asset's commissioning while it waits for windows, and how many it waits for."""

import math
from dataclasses import dataclass

from edge_agent.daemon.commissioning.overlays import Wanted
from edge_agent.daemon.scoring import Watch

FEWEST = 200  # windows that an asset is commissioned from unless somebody says otherwise
_AT_LEAST_S = 3600.0  # likewise: where a window takes a second, 200 of them are no time at all


@dataclass(slots=True)
class Task:
    """One asset that is being commissioned.

    Attributes:
        wanted: what for.
        counted: windows of the running machine since then.
        seen: index after the last window that was looked at.
        refused: why the last attempt came to nothing.
        is_computing: an overlay is being computed.
        is_counting: the recorder is being read.
    """

    wanted: Wanted
    counted: int = 0
    seen: int = 0
    refused: str | None = None
    is_computing: bool = False
    is_counting: bool = False


def windows_for(watch: Watch, seconds: float | None) -> int:
    """Return how many windows ``seconds`` hold; None: what an asset is commissioned from."""
    period_s = watch.flow.spec.input.window_period_s or watch.record.block_interval_s
    least = math.ceil((seconds or _AT_LEAST_S) / period_s) if period_s else 0
    return max(1, least) if seconds is not None and period_s else max(FEWEST, least)
