"""How fast what is late may follow, so that it does not drown what is live."""

_BURST_S = 0.1


class Pace:
    """A token bucket: so many a second, and a tenth of that at once unless stated."""

    def __init__(self, per_s: float, at_once: float | None = None) -> None:
        """Allow ``per_s`` messages a second, and ``at_once`` after a rest."""
        self._per_s = per_s
        self._most = max(1.0, per_s * _BURST_S) if at_once is None else at_once
        self._left = self._most
        self._at_s = 0.0

    def wait_s(self, now_s: float) -> float:
        """Return the seconds until the next may go; 0: now. ``now_s`` never goes back."""
        self._left = min(self._most, self._left + self._per_s * (now_s - self._at_s))
        self._at_s = now_s
        return max(0.0, (1.0 - self._left) / self._per_s)

    def spend(self, now_s: float) -> None:
        """One went."""
        self.wait_s(now_s)
        self._left -= 1.0
