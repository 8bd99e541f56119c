"""What is shown: what the trainer learns from, and what the agent is given to watch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Note:
    """What the spectator should know from some window on; the agent is not told."""

    window: int
    text: str


@dataclass(frozen=True, slots=True)
class Story:
    """One bearing's life. Windows are numbered from the start of what was recorded or simulated.

    Attributes:
        title: one line.
        recording: what the trainer reads.
        healthy: the windows of ``recording`` to train on, half open.
        healthy_because: why these.
        sensor: the plugin that delivers what the agent watches.
        options: of that plugin.
        first: number of the first window that the agent sees.
        windows: how many it sees.
        period_s: seconds from window to window; None where nothing tells.
        window_s: seconds from a window's first sample to its last; likewise.
        speedup: time-lapse, 0 for as fast as it goes.
        onset: window in which the damage begins; None where nobody knows.
        stopped: windows during which the machine stands still, half open.
        undamaged: options of the sensor for the same machine as it would have stayed, in
            time-lapse; None where there is no such thing.
        notes: in the order of their windows.
    """

    title: str
    recording: Path
    healthy: tuple[int, int]
    healthy_because: str
    sensor: str
    options: dict[str, Any]
    first: int
    windows: int
    period_s: float | None
    window_s: float | None
    speedup: float = 0.0
    onset: int | None = None
    stopped: tuple[int, int] | None = None
    undamaged: dict[str, Any] | None = None
    notes: tuple[Note, ...] = ()

    @property
    def end(self) -> int:
        """Number of the window after the last one."""
        return self.first + self.windows
