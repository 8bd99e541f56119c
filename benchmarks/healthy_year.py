"""Simulated healthy machines: a year of feature vectors, one every ten minutes.

A machine here has what makes scores of real ones neither independent nor equally distributed:
shifts and weekends, set-points that change, stops, a temperature with days, weather and seasons, a
slow drift, noise that remembers, heavy tails, and now and then something that bumps into it.
Nothing of it is a fault. What each machine has of all this is drawn once, from its seed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PERIOD_S = 600
PER_DAY = 86_400 // PERIOD_S
BANDS = 8
NAMES = (
    *(f"b_{n}" for n in ("rms", "mean_abs", "peak", "kurtosis", "skewness")),
    *(f"b_band_energy_{i}" for i in range(BANDS)),
)
_START_NS = 1_700_000_000 * 10**9
_RESTING = 0.04  # level of a machine at rest, in its running level
_HEAVY = 4.0  # degrees of freedom of the noise


@dataclass(frozen=True, slots=True)
class Year:
    """A machine's windows.

    Attributes:
        vectors: float32 (n, F), in the order of ``NAMES``.
        start_ns: int64 (n,).
        running: bool (n,), the machine did not stand still.
    """

    vectors: NDArray[np.float32]
    start_ns: NDArray[np.int64]
    running: NDArray[np.bool_]


def simulate(seed: int, days: int = 365) -> Year:
    """Return ``days`` of the machine of that seed."""
    rng = np.random.default_rng([seed, 0x6865616C])
    n = days * PER_DAY
    load = _load(rng, n)
    running = _running(rng, n, load)
    slow = _slow(rng, n)
    noise = rng.uniform(0.02, 0.04) * _autoregressive(rng, n, rng.uniform(0.8, 0.95))
    noise += rng.uniform(0.01, 0.03) * _heavy(rng, n)
    log_rms = rng.uniform(-2.0, 1.0) + rng.uniform(0.1, 0.3) * load + slow + noise
    log_rms = np.where(running, log_rms, log_rms + np.log(_RESTING))
    bump = _bumps(rng, n)
    rms = np.exp(log_rms + 0.05 * bump)
    kurtosis = (
        rng.uniform(-0.2, 0.8) + 0.08 * _autoregressive(rng, n, 0.9) + 0.08 * _heavy(rng, n) + bump
    )
    crest = np.exp(
        np.log(rng.uniform(3.5, 4.5))
        + 0.06 * _heavy(rng, n)
        + 0.02 * _autoregressive(rng, n, 0.9)
        + 0.15 * bump
    )
    mean_abs = rms * (0.8 - 0.02 * kurtosis) * np.exp(0.003 * _heavy(rng, n))
    skewness = 0.05 * _heavy(rng, n) + 0.02 * _autoregressive(rng, n, 0.9)
    shares = _bands(rng, n, load)
    table = np.column_stack(
        (rms, mean_abs, rms * crest, kurtosis, skewness, shares * np.square(rms)[:, None])
    )
    return Year(
        vectors=table.astype(np.float32),
        start_ns=_START_NS + np.arange(n, dtype=np.int64) * PERIOD_S * 10**9,
        running=running,
    )


def _load(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Shifts of the day, weekends and set-points that hold for hours, about -1 to 1."""
    t = np.arange(n) / PER_DAY
    day = np.sin(2.0 * np.pi * (t - rng.uniform()))
    weekend = ((t + rng.integers(7)).astype(int) % 7 >= 5) * rng.uniform(0.0, 0.8)  # noqa: PLR2004
    points = rng.normal(size=n)[np.cumsum(rng.random(n) < 1.0 / rng.uniform(30, 150))]
    found: NDArray[np.float64] = rng.uniform(0.2, 0.5) * day - weekend + 0.4 * points
    return found


def _running(rng: np.random.Generator, n: int, load: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Stops of hours, every few days, and nights at rest for some machines."""
    running = np.ones(n, dtype=np.bool_)
    for start in np.flatnonzero(rng.random(n) < 1.0 / (rng.uniform(2.0, 10.0) * PER_DAY)):
        running[start : start + int(rng.exponential(0.2 * PER_DAY)) + 1] = False
    if rng.random() < 0.3:  # noqa: PLR2004
        running &= load > np.quantile(load, 0.2)
    return running


def _slow(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """What temperature and wear do to ln rms."""
    t = np.arange(n) / PER_DAY
    weather = 3.0 * _autoregressive(rng, n, 1.0 - 1.0 / (3 * PER_DAY))
    season = rng.uniform(5.0, 12.0) * np.sin(2.0 * np.pi * (t / 365.0 + rng.uniform()))
    daily = rng.uniform(1.0, 4.0) * np.sin(2.0 * np.pi * (t - 0.35))
    temperature = rng.uniform(-0.004, 0.004) * (season + daily + weather)
    wear = rng.uniform(-0.06, 0.06) * t / 365.0
    steps = rng.normal(scale=0.01, size=n)[np.cumsum(rng.random(n) < 1.0 / (45 * PER_DAY))]
    found: NDArray[np.float64] = temperature + wear + steps
    return found


def _bumps(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Impacts that come from outside: a window or a few, every few days."""
    found = np.zeros(n)
    for start in np.flatnonzero(rng.random(n) < 1.0 / (rng.uniform(1.0, 6.0) * PER_DAY)):
        found[start : start + 1 + rng.poisson(0.7)] += rng.exponential(1.0)
    return found


def _bands(rng: np.random.Generator, n: int, load: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of the energy, (n, bands): a spectrum that leans with the load."""
    tilt = rng.normal(scale=0.15, size=BANDS)
    memory = np.column_stack([_autoregressive(rng, n, 0.9) for _ in range(BANDS)])
    logs = (
        rng.normal(scale=1.0, size=BANDS)
        + load[:, None] * tilt
        + 0.06 * memory
        + 0.06 * _heavy(rng, n * BANDS).reshape(n, BANDS)
    )
    energies = np.exp(logs)
    found: NDArray[np.float64] = energies / energies.sum(axis=1, keepdims=True)
    return found


def _autoregressive(rng: np.random.Generator, n: int, phi: float) -> NDArray[np.float64]:
    """x[t] = phi x[t-1] + e[t], of variance 1."""
    from scipy.signal import lfilter

    start = rng.normal()
    noise = np.sqrt(1.0 - phi * phi) * rng.normal(size=n)
    found: NDArray[np.float64] = lfilter([1.0], [1.0, -phi], noise, zi=[phi * start])[0]
    return found


def _heavy(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Student's t of variance 1."""
    found: NDArray[np.float64] = rng.standard_t(_HEAVY, size=n) / np.sqrt(_HEAVY / (_HEAVY - 2.0))
    return found
