"""How long to wait before trying again: exponential with full jitter.

A thousand gateways that lost the same broker must not come back in the same second; full jitter
(a uniform draw from zero to the bound) spreads them best (M. Brooker, "Exponential Backoff And
Jitter", AWS Architecture Blog 2015).
"""

import random


class Backoff:
    """Counts failures in a row and draws the wait after each."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        """The bound is ``first_s`` after the first failure, doubles, and ends at ``longest_s``."""
        self._first_s = first_s
        self._longest_s = longest_s
        self._bound_s = first_s

    def next_wait_s(self) -> float:
        """Return the wait after one more failure, in seconds."""
        wait_s = random.uniform(0.0, self._bound_s)  # noqa: S311 - spreads load, guards nothing
        self._bound_s = min(2.0 * self._bound_s, self._longest_s)
        return wait_s

    def reset(self) -> None:
        """It worked: begin from the first bound again."""
        self._bound_s = self._first_s
