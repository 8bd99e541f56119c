"""How often healthy scores will exceed a level that they have hardly reached yet, and how sure.

The number of clusters above a level is Poisson with a rate that is not known, their excesses are
generalised Pareto with a shape and a scale that are not known, and the healthy level of the time
to come lies where nobody has seen it yet. All four are given distributions, and the rate at any
margin is averaged over them: a threshold put where the *average* rate is the budget meets it on
average over machines, which one put where the best estimate is the budget does not.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.pareto import LEAST_EXCESSES, fit_pareto, log_likelihood, survival

# Of the shape: a Beta on -0.5..0.5, as Martins and Stedinger (Water Resources Research 36, 2000)
# take for floods, but about 0, an exponential tail, with their deviation of 0.12.
_SHAPE_PRIOR = (7.5, 7.5)
_SHAPES = np.linspace(-0.48, 0.48, 17)
_LOG_SCALES = 21
_COUNTS = 9
_SHIFTS = 6
_FARTHEST_SHIFT = 6.0
_NEGLIGIBLE = 1e-4  # of the largest weight: the rest changes no digit
_LEAST_COUNT = 0.5  # Jeffreys' prior of a Poisson rate


@dataclass(frozen=True, slots=True)
class Tail:
    """Equally or unequally likely truths, each a rate, a shape, a scale and a shift.

    Attributes:
        level: the margin above which clusters were counted.
        rate: of clusters above it, in events per month, (a,), with its weights.
        rate_weight: likewise; sum 1.
        shape: of the excesses, (b,).
        scale: likewise.
        tail_weight: of the pairs of shape and scale, (b,); sum 1.
        shift: of the healthy level to come, in margins, (c,).
        shift_weight: likewise; sum 1.
    """

    level: float
    rate: NDArray[np.float64]
    rate_weight: NDArray[np.float64]
    shape: NDArray[np.float64]
    scale: NDArray[np.float64]
    tail_weight: NDArray[np.float64]
    shift: NDArray[np.float64]
    shift_weight: NDArray[np.float64]

    def rates(self, margin: float) -> tuple[float, float, float]:
        """Return events per month at ``margin``: expected, and the limits of 90 %."""
        above = np.maximum(margin - self.level - self.shift[:, None], 0.0)
        share = survival(above, self.shape, self.scale)
        values = (share[:, :, None] * self.rate).ravel()
        weights = (
            self.shift_weight[:, None, None]
            * self.tail_weight[None, :, None]
            * self.rate_weight[None, None, :]
        ).ravel()
        order = np.argsort(values)
        total = np.cumsum(weights[order])
        low, high = values[order][np.searchsorted(total, (0.05 * total[-1], 0.95 * total[-1]))]
        return float(values @ weights), float(low), float(high)


def fit_tail(
    peaks: NDArray[np.float64],
    level: float,
    months: float,
    *,
    dispersion: float = 1.0,
    spread: float = 0.0,
    freedom: float = 30.0,
) -> Tail:
    """Return what ``peaks`` of clusters, float64 (n,), above ``level`` say of rarer ones.

    Args:
        peaks: the largest margin of each cluster, above ``level``.
        level: see ``peaks``.
        months: in which they were seen.
        dispersion: variance of their number per day over its mean, 1 where they come
            independently; n peaks then tell as much as n / dispersion would.
        spread: scale of the shift of the healthy level to come, in margins.
        freedom: of Student's t that the shift follows.

    Raises:
        ValueError: no peak.
    """
    excesses = np.maximum(peaks - level, 1e-9)
    if len(excesses) == 0:
        raise ValueError("no peaks, allowed: one or more")
    told = len(excesses) / dispersion
    count = told + _LEAST_COUNT
    nodes = (np.arange(_COUNTS) + 0.5) / _COUNTS
    rate = _gamma_quantiles(count, nodes) / (months / dispersion)
    middle = fit_pareto(excesses).scale if len(excesses) >= LEAST_EXCESSES else excesses[0]
    width = min(3.0, 4.0 / np.sqrt(told))
    scales = middle * np.exp(np.linspace(-width, width, _LOG_SCALES))
    shape, scale = (grid.ravel() for grid in np.meshgrid(_SHAPES, scales, indexing="ij"))
    a, b = _SHAPE_PRIOR
    prior = (a - 1.0) * np.log(0.5 + shape) + (b - 1.0) * np.log(0.5 - shape)
    logs = log_likelihood(excesses, shape, scale) / dispersion + prior
    weight = np.exp(logs - logs.max())
    shift, shift_weight = _student(spread, freedom)
    kept = weight > _NEGLIGIBLE
    return Tail(
        level=level,
        rate=rate * count / (months / dispersion) / rate.mean(),
        rate_weight=np.full(_COUNTS, 1.0 / _COUNTS),
        shape=shape[kept],
        scale=scale[kept],
        tail_weight=weight[kept] / weight[kept].sum(),
        shift=shift,
        shift_weight=shift_weight,
    )


def _gamma_quantiles(count: float, nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return quantiles of Gamma(count, 1) by Wilson and Hilferty (1931)."""
    z = np.array([NormalDist().inv_cdf(float(p)) for p in nodes])
    found: NDArray[np.float64] = (
        count * np.maximum(1.0 - 1.0 / (9.0 * count) + z / (3.0 * np.sqrt(count)), 0.02) ** 3
    )
    return found


def _student(spread: float, freedom: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes and weights of ``spread`` times Student's t, cut at six times its scale."""
    if spread == 0.0:
        return np.zeros(1), np.ones(1)
    t = np.linspace(-_FARTHEST_SHIFT, _FARTHEST_SHIFT, 2 * _SHIFTS + 1)
    weight = (1.0 + t * t / freedom) ** (-(freedom + 1.0) / 2.0)
    return spread * t, weight / weight.sum()
