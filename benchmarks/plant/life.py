"""How a healthy machine of the plant spends its year: shifts, loads, speeds, seasons, stops.

One value for every hour. What each machine has of all this is drawn once, from its number.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

HOUR_S = 3600
PER_DAY = 24
_WEEK = 7 * PER_DAY
_SEED = 0x706C616E
_SUNDAY = 6

Shift = Literal["continuous", "two shifts", "batches"]


@dataclass(frozen=True, slots=True)
class Life:
    """A machine's year, hour by hour.

    Attributes:
        shift: when it runs.
        running: bool (hours,); False where it stands still.
        speed: relative to its nominal speed, float64 (hours,); 1 throughout at a fixed speed.
        load: relative to its nominal load, float64 (hours,).
        noise: what temperature and wear make of its noise, relative, float64 (hours,).
    """

    shift: Shift
    running: NDArray[np.bool_]
    speed: NDArray[np.float64]
    load: NDArray[np.float64]
    noise: NDArray[np.float64]


def live(number: int, hours: int, *, variable_speed: bool) -> Life:
    """Return the year of the machine of that number."""
    rng = np.random.default_rng([number, _SEED])
    shifts: tuple[Shift, ...] = ("continuous", "two shifts", "batches")
    shift = shifts[int(rng.choice(3, p=(0.5, 0.3, 0.2)))]
    speed = np.ones(hours)
    if variable_speed:
        speed = _held(rng, rng.uniform(0.5, 1.0, size=hours), hours, mean_hours=12)
        speed *= 1.0 + 0.002 * rng.standard_normal(hours)
    load = np.exp(_held(rng, 0.08 * rng.standard_normal(hours), hours, mean_hours=24))
    return Life(
        shift=shift,
        running=_running(rng, shift, hours),
        speed=speed,
        load=load * np.exp(0.02 * rng.standard_normal(hours)),
        noise=_noise(rng, hours),
    )


def _held(
    rng: np.random.Generator, points: NDArray[np.float64], hours: int, mean_hours: float
) -> NDArray[np.float64]:
    """Return set-points, each held for some hours."""
    changes = rng.random(hours) < 1.0 / mean_hours
    held: NDArray[np.float64] = points[np.cumsum(changes)]
    return held


def _running(rng: np.random.Generator, shift: Shift, hours: int) -> NDArray[np.bool_]:
    hour = np.arange(hours)
    running = np.ones(hours, dtype=np.bool_)
    if shift == "two shifts":
        of_day = hour % PER_DAY
        running = (of_day >= 6) & (of_day < 22) & (hour % _WEEK // PER_DAY != _SUNDAY)  # noqa: PLR2004
    if shift == "batches":
        running = _held(rng, (rng.random(hours) < 0.8).astype(float), hours, 10.0) > 0.0  # noqa: PLR2004
    for start in np.flatnonzero(rng.random(hours) < 1.0 / (20 * PER_DAY)):  # stops of all kinds
        running[start : start + 1 + int(rng.exponential(8.0))] = False
    return running


def _noise(rng: np.random.Generator, hours: int) -> NDArray[np.float64]:
    """Seasons, days, weather and slow wear; a tenth in all, about."""
    from scipy.signal import lfilter

    day = np.arange(hours) / PER_DAY
    season = rng.uniform(0.02, 0.06) * np.sin(2.0 * np.pi * (day / 365.0 - rng.uniform(0.2, 0.3)))
    daily = rng.uniform(0.0, 0.02) * np.sin(2.0 * np.pi * (day - 0.35))
    phi = 1.0 - 1.0 / (3 * PER_DAY)
    shocks = np.sqrt(1.0 - phi * phi) * rng.standard_normal(hours)
    weather = 0.02 * lfilter([1.0], [1.0, -phi], shocks)
    wear = rng.uniform(-0.05, 0.05) * day / 365.0
    factor: NDArray[np.float64] = np.exp(season + daily + weather + wear)
    return factor
