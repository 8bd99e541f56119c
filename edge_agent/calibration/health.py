"""Whether windows that are to be learned from look like a healthy machine at all.

What is learned from is called healthy ever after, so a machine that is plainly not is refused with
the reason. It is judged by the logarithm of every channel's level, freed of regime and season.
Windows that are odd one by one, as when somebody hits the foundation, are told apart and left out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.kinds import level_columns
from edge_agent.calibration.prepare import Prepared
from edge_agent.calibration.scaler import robust_location_scale
from edge_agent.calibration.series import DataError, Series

_LEAST_SCALE = 0.02  # of ln level: less spread than 2 % is no scale to call a window odd by
_QUARTILES = 1.349  # between them, in standard deviations of normal numbers
_ODD = 8.0  # robust scales from the median
_ODD_LN = 0.2  # and at least this far: 22 %
_ODD_SHARE = 0.05  # of the windows; more of them are bursts
_CLIPPED_SHARE = 0.1
_SPREAD_LN = 1.6  # of ln level between 5 % and 95 %: a factor of 5
_BLOCKS = 8
_TREND_LN = 0.2  # ln level, first quarter to last: 22 %
_TREND_SCALES = 2.0  # and so many scales within the blocks
_RISING = 0.7  # share of the pairs of blocks that are in order, less those that are not


class UnhealthyError(DataError):
    """The windows are plainly not of a healthy machine; the message says what was seen."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """What is known of windows beside their vectors.

    Attributes:
        clipped: the window touches the input range, bool (n,).
        velocity_mm_s: rms, float32 (n,); NaN where no limit is set.
        limit_mm_s: of it; None where none is set.
    """

    clipped: NDArray[np.bool_]
    velocity_mm_s: NDArray[np.float32]
    limit_mm_s: float | None


def require_sound(sensor: Sensor) -> None:
    """Refuse windows that saturate the sensor, or a machine that shakes more than it may.

    Raises:
        UnhealthyError: which, and how much.
    """
    n = len(sensor.clipped)
    clipped = int(sensor.clipped.sum())
    if clipped > _CLIPPED_SHARE * n:
        raise UnhealthyError(
            f"saturation: {clipped} of {n} windows touch the sensor's range, allowed: at most"
            f" {_CLIPPED_SHARE:.0%}"
        )
    if sensor.limit_mm_s is None:
        return
    over = sensor.velocity_mm_s > sensor.limit_mm_s
    if over.sum() > _ODD_SHARE * n:
        usual = float(np.nanmedian(sensor.velocity_mm_s))
        raise UnhealthyError(
            f"velocity above the limit: {int(over.sum())} of {n} windows, median {usual:.3g} mm/s,"
            f" allowed: {sensor.limit_mm_s:.3g} mm/s"
        )


def odd_windows(series: Series, ready: Prepared) -> NDArray[np.intp]:
    """Return the positions in ``series`` of windows that are to be left out.

    Raises:
        UnhealthyError: there are so many that they are bursts, or the level has a trend or no one
            value, as of a machine that mostly rested: what is loud may then be the fault.
    """
    names = series.watched_names
    columns = [i for i in level_columns(names) if (ready.steady[:, i] > 0.0).all()]
    if not columns:
        return np.empty(0, dtype=np.intp)
    level = np.log(ready.steady[:, columns].astype(np.float64))
    # By the quartiles alone: what is looked for must not widen the scale that it is held against.
    low, location, high = np.quantile(level, (0.25, 0.5, 0.75), axis=0)
    scale = (high - low) / _QUARTILES
    distance = np.abs(level - location)
    odd = (distance > np.maximum(_ODD * np.maximum(scale, _LEAST_SCALE), _ODD_LN)).any(axis=1)
    for i, column in enumerate(columns):
        _require_steady(names[column], level[~odd, i])
    if odd.sum() > _ODD_SHARE * len(odd):
        worst = names[columns[int(distance[odd].max(axis=0).argmax())]]
        raise UnhealthyError(
            f"bursts: {int(odd.sum())} of {len(odd)} windows are far from the others, mostly by"
            f" {worst}, allowed: at most {_ODD_SHARE:.0%}"
        )
    left_out: NDArray[np.intp] = ready.rows[odd]
    return left_out


def _require_steady(name: str, level: NDArray[np.float64]) -> None:
    """Refuse ln ``level``, float64 (n,), that has no one value, or goes up or down by blocks."""
    low, high = np.quantile(level, (0.05, 0.95))
    if high - low > _SPREAD_LN:
        raise UnhealthyError(
            f"spread: {name} differs by a factor of {np.exp(high - low):.3g} among nine tenths of"
            f" the windows, allowed: {np.exp(_SPREAD_LN):.3g}, or a context that tells regimes"
        )
    blocks = np.array_split(level, _BLOCKS)
    medians = np.array([np.median(block) for block in blocks])
    within = float(np.median([robust_location_scale(b[:, None])[1][0] for b in blocks]))
    quarter = max(1, len(level) // 4)
    change = float(np.median(level[-quarter:]) - np.median(level[:quarter]))
    ahead = np.sign(medians[None, :] - medians[:, None])[np.triu_indices(_BLOCKS, 1)]
    if abs(change) > max(_TREND_LN, _TREND_SCALES * within) and abs(float(ahead.mean())) >= _RISING:
        raise UnhealthyError(
            f"trend: {name} changes by {np.expm1(change):+.0%} from the first quarter of the"
            f" windows to the last, allowed: at most {np.expm1(_TREND_LN):.0%} either way"
        )
