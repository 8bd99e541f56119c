"""Residuals become one number per window and each feature's share of it."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray


class ScorerSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How residuals e of the targets become a score.

    Attributes:
        kind: ``absolute_error`` mean |e|; ``squared_error`` mean e^2; ``mahalanobis``
            u' precision u / n with u = (e - mean) / scale, Mahalanobis 1936, divided by the
            number of targets n so that a healthy window scores about 1 whatever the features.
        mean: of healthy residuals, (n,); for ``mahalanobis`` only, as what follows.
        scale: of healthy residuals, (n,), above 0.
        precision: inverse correlation of healthy residuals, rows of (n, n).
        cap: u is cut to +- this: beyond it a number is wild, not more telling.
        offset: added to the score, so that an unusually good forecast, which means nothing, does
            not pull an average of logarithms down.
    """

    kind: Literal["absolute_error", "squared_error", "mahalanobis"]
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    precision: tuple[tuple[float, ...], ...] = ()
    cap: float | None = None
    offset: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a distance without its matrix. Raises ValueError."""
        n = len(self.mean)
        rows = {len(self.scale), len(self.precision), *(len(row) for row in self.precision)}
        if self.kind == "mahalanobis" and (n == 0 or rows != {n}):
            raise ValueError(f"scorer.scale or scorer.precision is not of the size of mean ({n})")
        if not all(np.isfinite(s) and s > 0.0 for s in self.scale):
            raise ValueError("scorer.scale holds a value that is not above 0")
        if self.cap is not None and not self.cap > 0.0:
            raise ValueError(f"scorer.cap is {self.cap}, allowed: above 0, or null")


class Scorer:
    """Scores the residual rows of one window."""

    def __init__(self, spec: ScorerSpec) -> None:
        """Prepare arrays once."""
        self._kind = spec.kind
        self._mean = np.array(spec.mean)
        self._inverse = 1.0 / np.array(spec.scale)
        self._precision = np.array(spec.precision)
        self._cap = spec.cap
        self._offset = spec.offset

    def score(self, residuals: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
        """Return (score, shares) of residuals, float32 (rows, n); shares (n,) sum to 1.

        A row is one time step; a forecaster has one, an autoencoder one per vector of its window.
        """
        e = residuals.astype(np.float64)
        if self._kind == "absolute_error":
            parts = np.abs(e).mean(axis=0)
        elif self._kind == "squared_error":
            parts = np.square(e).mean(axis=0)
        else:
            u = (e - self._mean) * self._inverse
            if self._cap is not None:
                u = np.clip(u, -self._cap, self._cap)
            parts = (u * (u @ self._precision)).mean(axis=0)
        score = float(parts.mean()) + self._offset
        positive = np.maximum(parts, 0.0)  # correlated features may have negative parts
        total = positive.sum()
        shares = positive / total if total > 0.0 else np.full(len(parts), 1.0 / len(parts))
        return score, shares.astype(np.float32)
