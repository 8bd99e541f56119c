"""A bundle that is quick to run, for everything that wants many windows or many replays."""

from functools import cache

from benchmarks.bundles import make_bundle

LENGTH = 256
RATE_HZ = float(LENGTH)


@cache
def small_bundle(rate_hz: float = RATE_HZ, period_s: float | None = None) -> bytes:
    """Return a bundle for windows of 256 samples of one channel "x" in g."""
    return make_bundle(LENGTH, 1, rate_hz=rate_hz, period_s=period_s)
