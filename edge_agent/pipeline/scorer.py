"""Residuals become one number per window and each feature's share of it."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

ScorerKind = Literal[
    "absolute_error",
    "squared_error",
    "maximum",
    "mahalanobis",
    "horizon_mahalanobis",
    "log_density",
    "interval_width",
    "band_excess",
    "product",
]
# kinds with a matrix
MATRIX_KINDS = ("mahalanobis", "horizon_mahalanobis", "log_density")


class ScorerSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How residuals e of n targets become a score.

    ``absolute_error``: mean |e|. ``squared_error``: mean e^2. ``maximum``: largest |e|, or
    largest e where ``upward``. With u = (e - mean) / scale:

    * ``mahalanobis``: u' precision u / n, Mahalanobis 1936, divided by the number of targets n so
      that a healthy window scores about 1 whatever the features.
    * ``horizon_mahalanobis``: the same of each target's errors at all horizons, u' precision u / H
      for H rows of residuals, averaged over the targets (Malhotra et al. 2015 for one target).
    * ``log_density``: -ln of the normal density of e, measured from the density's peak, which is
      u' precision u / 2: 0 at the mean, whatever the unit. ``log_peak`` is ln of the peak: a
      threshold t published for ln of the density itself is ``log_peak`` - t here.

    Of residuals to quantiles, the lowest one first and the highest last:

    * ``interval_width``: distance between the two, 0 where they cross: how unsure the network is.
    * ``band_excess``: how far the target lies outside the two, in widths of at least ``scale``.

    ``product``: product over the rows of 1 + |e| / scale, less 1: forecast and reconstruction have
    to be off together (Wong et al. 2022, who scale both errors to 1..2 and multiply).

    Attributes:
        kind: see above.
        mean: of healthy residuals, (n,), or (n H,) target by target.
        scale: of healthy residuals, above 0: like ``mean``, (n,) for ``band_excess``, or
            (n rows,) target by target for ``product``.
        precision: inverse correlation of healthy residuals, rows of (n, n), or n matrices
            (H, H) one under the other.
        cap: u is cut to +- this: beyond it a number is wild, not more telling.
        offset: added to the score, so that an unusually good forecast, which means nothing, does
            not pull an average of logarithms down.
        log_peak: ``log_density`` only: ln of the density at its peak.
        upward: ``maximum`` only: what is less than expected does not count.
    """

    kind: ScorerKind
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    precision: tuple[tuple[float, ...], ...] = ()
    cap: float | None = None
    offset: float = 0.0
    log_peak: float | None = None
    upward: bool = False

    def __post_init__(self) -> None:
        """Refuse a distance without its matrix. Raises ValueError."""
        n = len(self.mean)
        sizes = {len(row) for row in self.precision}
        if self.kind in MATRIX_KINDS:
            whole = sizes == {n} or (self.kind == "horizon_mahalanobis" and len(sizes) == 1)
            fits = n > 0 and {len(self.scale), len(self.precision)} == {n} and whole
            if not fits or n % max(sizes):
                raise ValueError(
                    f"scorer.scale or scorer.precision is not of the size of mean ({n})"
                )
        if self.kind in ("band_excess", "product") and not self.scale:
            raise ValueError(f"scorer.scale is empty, which {self.kind} divides by")
        if not all(np.isfinite(s) and s > 0.0 for s in self.scale):
            raise ValueError("scorer.scale holds a value that is not above 0")
        if self.cap is not None and not self.cap > 0.0:
            raise ValueError(f"scorer.cap is {self.cap}, allowed: above 0, or null")
        if (self.kind == "log_density") != (self.log_peak is not None):
            raise ValueError("scorer.log_peak goes with the kind log_density, and with it alone")


class Scorer:
    """Scores the residual rows of one window."""

    def __init__(self, spec: ScorerSpec) -> None:
        """Prepare arrays once."""
        self._mean = np.array(spec.mean)
        self._scale = np.array(spec.scale)
        self._precision = np.array(spec.precision)
        self._cap = spec.cap
        self._offset = spec.offset
        parts: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
            "absolute_error": lambda e: np.abs(e).mean(axis=0),
            "squared_error": lambda e: np.square(e).mean(axis=0),
            "maximum": lambda e: (e if spec.upward else np.abs(e)).max(axis=0),
            "mahalanobis": self._distance,
            "horizon_mahalanobis": self._horizon_distance,
            # a mean over n targets follows: the density is that of all of them
            "log_density": lambda e: 0.5 * e.shape[1] * self._distance(e),
            "interval_width": _width,
            "band_excess": self._excess,
            "product": self._product,
        }
        self._parts = parts[spec.kind]
        self._is_maximum = spec.kind == "maximum"

    def score(self, residuals: NDArray[np.floating[Any]]) -> tuple[float, NDArray[np.float32]]:
        """Return (score, shares) of residuals, float (rows, n); shares (n,) sum to 1.

        A row is one time step, one horizon or one quantile; a plain forecaster has one.
        """
        parts = self._parts(residuals.astype(np.float64))
        score = float(parts.max() if self._is_maximum else parts.mean()) + self._offset
        positive = np.maximum(parts, 0.0)  # correlated features may have negative parts
        total = positive.sum()
        shares = positive / total if total > 0.0 else np.full(len(parts), 1.0 / len(parts))
        return score, shares.astype(np.float32)

    def _distance(self, e: NDArray[np.float64]) -> NDArray[np.float64]:
        u = self._whitened(e)
        parts: NDArray[np.float64] = (u * (u @ self._precision)).mean(axis=0)
        return parts

    def _horizon_distance(self, e: NDArray[np.float64]) -> NDArray[np.float64]:
        rows, n = e.shape
        u = self._whitened(e.T.reshape(-1)).reshape(n, 1, rows)
        moved = u @ self._precision.reshape(n, rows, rows)
        distances: NDArray[np.float64] = (u * moved).sum(axis=(1, 2)) / rows
        return distances

    def _whitened(self, e: NDArray[np.float64]) -> NDArray[np.float64]:
        u: NDArray[np.float64] = (e - self._mean) * (1.0 / self._scale)
        return u if self._cap is None else np.clip(u, -self._cap, self._cap)

    def _excess(self, e: NDArray[np.float64]) -> NDArray[np.float64]:
        outside = np.maximum(np.maximum(e[-1], -e[0]), 0.0)
        parts: NDArray[np.float64] = outside / np.maximum(_width(e), self._scale)
        return parts

    def _product(self, e: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = np.abs(e) / self._scale.reshape(e.shape[1], -1).T
        parts: NDArray[np.float64] = np.prod(1.0 + scaled, axis=0) - 1.0
        return parts


def _width(e: NDArray[np.float64]) -> NDArray[np.float64]:
    # residuals to the quantiles: the lowest quantile has the largest
    width: NDArray[np.float64] = np.maximum(e[0] - e[-1], 0.0)
    return width
