"""Lines on the terminal, and one that changes while something takes its time."""

import sys
import time

WIDTH = 100
_QUIET_S = 10.0  # where there is no terminal, so often does progress become a line of its own


class Screen:
    """Standard output."""

    def __init__(self) -> None:
        """Begin with nothing in progress."""
        self._is_terminal = sys.stdout.isatty()
        self._is_open = False
        self._progress_due_s = time.monotonic() + _QUIET_S

    def line(self, text: str = "") -> None:
        """Print a line that stays."""
        self._clear()
        print(text, flush=True)

    def error(self, text: str) -> None:
        """Print a line to standard error."""
        self._clear()
        print(text, file=sys.stderr, flush=True)

    def progress(self, text: str) -> None:
        """Show how far something is, in the place of what was shown before."""
        text = text[: WIDTH - 1]
        if self._is_terminal:
            print(f"\r\x1b[K{text}", end="", flush=True)
            self._is_open = True
        elif time.monotonic() >= self._progress_due_s:
            print(text, flush=True)
            self._progress_due_s = time.monotonic() + _QUIET_S

    def step(self, name: str, text: str) -> None:
        """Print a step of the demonstration and what there is to say about it."""
        self.line(f"{name:<11}{text}")

    def _clear(self) -> None:
        self._progress_due_s = time.monotonic() + _QUIET_S
        if self._is_open:
            print("\r\x1b[K", end="")
            self._is_open = False
