"""The generalised Pareto distribution of excesses, by maximum likelihood.

P(X > x) = (1 + shape x / scale)^(-1 / shape), exp(-x / scale) where shape is 0 (Pickands 1975). A
shape above 0 is a heavy tail, one below 0 ends at -scale / shape.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_EXCESSES = 2
_NEARLY_ZERO = 1e-9  # a shape nearer to 0 is taken as 0
_SHAPES = (-0.5, 1.5)  # below it the likelihood has no regular maximum (Smith 1985)
_GRID = 41
_HALVINGS = 36
_REFINEMENTS = 4


@dataclass(frozen=True, slots=True)
class Pareto:
    """A generalised Pareto distribution of what exceeds a level.

    Attributes:
        shape: xi; above 0 heavy, below 0 bounded.
        scale: sigma, above 0, in the unit of the excesses.
    """

    shape: float
    scale: float

    def survival(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return P(X > x) for x, float64 of any shape; 1 below 0."""
        return survival(np.maximum(x, 0.0), self.shape, self.scale)

    def quantile(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the x that ``share``, above 0 and at most 1, exceeds."""
        if abs(self.shape) < _NEARLY_ZERO:
            return -self.scale * np.log(share)
        found: NDArray[np.float64] = self.scale * np.expm1(-self.shape * np.log(share)) / self.shape
        return found


def survival(
    x: NDArray[np.float64],
    shape: NDArray[np.float64] | float,
    scale: NDArray[np.float64] | float,
) -> NDArray[np.float64]:
    """Return P(X > x) for x >= 0; all three are broadcast against each other."""
    shape = np.where(np.abs(shape) < _NEARLY_ZERO, _NEARLY_ZERO, shape)
    base = np.maximum(1.0 + shape * x / scale, 0.0)
    with np.errstate(divide="ignore"):
        found: NDArray[np.float64] = np.exp(-np.log(base) / shape) * (base > 0.0)
    return found


def log_likelihood(
    excesses: NDArray[np.float64],
    shape: NDArray[np.float64],
    scale: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return ln L of ``excesses``, float64 (n,), for shapes and scales of one shape (...)."""
    shape = np.where(np.abs(shape) < _NEARLY_ZERO, _NEARLY_ZERO, shape)[..., None]
    base = 1.0 + shape * excesses / scale[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(base > 0.0, np.log(np.where(base > 0.0, base, 1.0)), np.inf)
        terms = (1.0 + 1.0 / shape) * logs
    found: NDArray[np.float64] = -len(excesses) * np.log(scale) - np.where(
        np.isfinite(logs), terms, np.inf
    ).sum(axis=-1)
    return found


def fit_pareto(excesses: NDArray[np.float64]) -> Pareto:
    """Return the distribution of largest likelihood of ``excesses``, float64 (n,), above 0.

    The likelihood is profiled: for every shape from -0.5 to 1.5 the best scale solves
    mean((1 + shape) x / (scale + shape x)) = 1, whose left side falls with the scale; the shape is
    then searched on grids that get finer.

    Raises:
        ValueError: fewer than two excesses, or one that is not finite and above 0.
    """
    if len(excesses) < LEAST_EXCESSES or not (np.isfinite(excesses) & (excesses > 0.0)).all():
        raise ValueError(
            f"{len(excesses)} excesses, allowed: {LEAST_EXCESSES} or more, finite, above 0"
        )
    unit = float(excesses.mean())
    x = excesses / unit
    grid = np.linspace(*_SHAPES, _GRID)
    for _ in range(_REFINEMENTS):
        best = int(np.argmax(log_likelihood(x, grid, _best_scale(x, grid))))
        grid = np.linspace(grid[max(0, best - 1)], grid[min(_GRID - 1, best + 1)], _GRID)
    shape = float(grid[_GRID // 2])
    return Pareto(shape, unit * float(_best_scale(x, np.array([shape]))[0]))


def _best_scale(x: NDArray[np.float64], shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scale of largest likelihood at each shape, (m,), for excesses of mean 1."""
    largest = float(x.max())
    low = np.maximum(-shape * largest, 0.0) + 1e-12  # the end of a bounded tail lies behind them
    high = np.full(len(shape), 2.0 * (1.0 + largest))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        mean = ((1.0 + shape)[:, None] * x / (middle[:, None] + shape[:, None] * x)).mean(axis=1)
        low, high = np.where(mean > 1.0, middle, low), np.where(mean > 1.0, high, middle)
    found: NDArray[np.float64] = (low + high) / 2.0
    return found
