"""Plain methods on the level, for the table that the network has to stand in.

Each is fitted on the healthy windows and alarms when three windows in a row are beyond its limit;
an alarm closes after three windows in a row within it.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.series import Series
from edge_agent.pipeline.alarm import AlarmSpec
from trainer.outcome import Outcome, Watch, outcome_of_ratios

_RULE = AlarmSpec(k=3, n=3, close_after=3)
_EWMA_WEIGHT = 0.2  # Roberts 1959; limit of 6 sigma of the average, as in the published check
_CUSUM_SLACK, _CUSUM_LIMIT = 0.5, 12.0  # Page 1954, in sigmas; as in the published check

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def baseline_watches(healthy: NDArray[np.float32], columns: tuple[int, ...]) -> dict[str, Watch]:
    """Return each baseline over the level features ``columns``, by name.

    Args:
        healthy: vectors of the windows that the network was given, float32 (n, F), neither idle
            nor invalid: a machine that rested would make the plain methods deaf.
        columns: at least one.
    """
    part = healthy[:, columns].astype(np.float64)
    centre, spread = part.mean(axis=0), np.maximum(part.std(axis=0), 1e-12)
    statistics: dict[str, Statistic] = {
        "level mean + 3 sigma": lambda z: z / 3.0,
        "level mean + 5 sigma": lambda z: z / 5.0,
        "EWMA of the level": _ewma,
        "CUSUM of the level": _cusum,
    }

    def watch(statistic: Statistic) -> Watch:
        def over(series: Series) -> Outcome:
            z = np.nan_to_num((series.vectors[:, columns].astype(np.float64) - centre) / spread)
            return outcome_of_ratios(statistic(z).max(axis=1), _RULE, "level")

        return over

    return {name: watch(statistic) for name, statistic in statistics.items()}


def _ewma(z: NDArray[np.float64]) -> NDArray[np.float64]:
    limit = 6.0 * np.sqrt(_EWMA_WEIGHT / (2.0 - _EWMA_WEIGHT))
    average, out = np.zeros(z.shape[1]), np.empty_like(z)
    for t, row in enumerate(z):
        average = average + _EWMA_WEIGHT * (row - average)
        out[t] = average / limit
    return out


def _cusum(z: NDArray[np.float64]) -> NDArray[np.float64]:
    total, out = np.zeros(z.shape[1]), np.empty_like(z)
    for t, row in enumerate(z):
        # the sum is held at twice the limit so that it can come back when the level does
        total = np.clip(total + row - _CUSUM_SLACK, 0.0, 2.0 * _CUSUM_LIMIT)
        out[t] = total / _CUSUM_LIMIT
    return out
