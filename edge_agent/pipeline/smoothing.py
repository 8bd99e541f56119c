"""Memory of past scores, or of past residuals: averages, and the sum that forgets nothing above it.

Before the scorer it makes control charts of every number (a sum or an average each, of which the
scorer takes the largest), after the scorer it averages the one score.
"""

from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.scorer import Scorer, ScorerSpec

_TINY = 1e-6  # a perfect forecast scores 0, which has no logarithm
_MOST_WINDOWS = 10_000  # kept in memory and in the saved state


class SmoothingSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How scores x are smoothed.

    Attributes:
        kind: ``ewma`` s[t] = s[t-1] + alpha (x[t] - s[t-1]) (Roberts 1959); ``mean`` of the last
            ``length`` scores; ``cusum`` s[t] = max(0, s[t-1] + x[t] - slack) (Page 1954).
        of: ``scores``, or ``residuals``: of each target by itself, the mean over its rows, which
            the scorer then sees as one row.
        alpha: weight of the newest value: 1 is no smoothing, span n of the textbooks is
            2 / (n + 1).
        geometric: average ln score, so that one wild window cannot outweigh many quiet ones.
        initial: the average before the first value; None begins at the first value.
        length: of ``mean``, in windows.
        slack: of ``cusum``: what is taken off each value.
        ceiling: the sum is held at this, above its limit, so that it can come back when the
            machine does; None: it is not.
    """

    kind: Literal["ewma", "mean", "cusum"] = "ewma"
    of: Literal["scores", "residuals"] = "scores"
    alpha: float = 1.0
    geometric: bool = False
    initial: float | None = None
    length: int = 1
    slack: float = 0.0
    ceiling: float | None = None

    def __post_init__(self) -> None:
        """Refuse what does not smooth. Raises ValueError."""
        if not 0.0 < self.alpha <= 1.0:
            raise ValueError(f"smoothing.alpha is {self.alpha}, allowed: above 0, at most 1")
        if not 1 <= self.length <= _MOST_WINDOWS:
            raise ValueError(f"smoothing.length is {self.length}, allowed: 1 to {_MOST_WINDOWS}")
        if self.ceiling is not None and not self.ceiling > 0.0:
            raise ValueError(f"smoothing.ceiling is {self.ceiling}, allowed: above 0, or null")
        if self.geometric and (self.kind == "cusum" or self.of == "residuals"):
            raise ValueError("smoothing.geometric is true, allowed: for averages of scores only")

    @property
    def span(self) -> float:
        """About how many windows a value is felt."""
        return float(self.length) if self.kind == "mean" else 2.0 / self.alpha - 1.0


class Smoother:
    """Smooths n numbers at a time, each by itself."""

    def __init__(self, spec: SmoothingSpec, n: int) -> None:
        """Start without a value of any of the ``n`` numbers."""
        self._spec = spec
        begin = 0.0 if spec.kind == "cusum" else spec.initial
        self._kept = np.empty((0, n)) if begin is None else np.full((1, n), begin)
        self._most = spec.length if spec.kind == "mean" else 1

    def push(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take the newest values, float64 (n,), and return them smoothed, float64 (n,)."""
        spec = self._spec
        if spec.kind == "mean":
            self._kept = np.concatenate((self._kept, values[None]))[-spec.length :]
            if spec.geometric:
                mean: NDArray[np.float64] = np.exp(_logs(self._kept).mean(axis=0))
                return mean
            plain: NDArray[np.float64] = self._kept.mean(axis=0)
            return plain
        smoothed: NDArray[np.float64]
        if spec.kind == "cusum":
            total = np.maximum(self._kept[0] + values - spec.slack, 0.0)
            smoothed = total if spec.ceiling is None else np.minimum(total, spec.ceiling)
        elif len(self._kept) == 0:
            smoothed = values
        elif spec.geometric:
            before = _logs(self._kept[0])
            smoothed = np.exp(before + spec.alpha * (_logs(values) - before))
        else:
            smoothed = self._kept[0] + spec.alpha * (values - self._kept[0])
        self._kept = smoothed[None]
        return smoothed

    def state(self) -> NDArray[np.float64]:
        """Return what is remembered, float64 (k, n)."""
        return self._kept.copy()

    def restore(self, state: NDArray[np.floating[Any]]) -> None:
        """Go on from a saved state; what follows is bit-equal to never having stopped.

        Raises:
            ValueError: the state is of another shape or type than ``state`` returns.
        """
        n = self._kept.shape[1]
        fits = state.ndim == self._kept.ndim and state.shape[1] == n and len(state) <= self._most
        if not fits or state.dtype != np.float64:
            raise ValueError(
                f"the smoothing's state is {state.dtype} of the shape {state.shape}, allowed:"
                f" float64 of (at most {self._most}, {n})"
            )
        self._kept = state.astype(np.float64)


class SmoothedScorer:
    """Residuals to smoothed score, whichever of the two is smoothed."""

    def __init__(self, scorer: ScorerSpec, smoothing: SmoothingSpec, n_targets: int) -> None:
        """Begin without a value."""
        self._scorer = Scorer(scorer)
        self._of_residuals = smoothing.of == "residuals"
        self.smoother = Smoother(smoothing, n_targets if self._of_residuals else 1)

    def push(self, residuals: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
        """Return smoothed score and shares, see Scorer, of residuals, float32 (rows, n)."""
        if self._of_residuals:
            each = self.smoother.push(residuals.mean(axis=0, dtype=np.float64))
            return self._scorer.score(each[None])
        score, shares = self._scorer.score(residuals)
        return float(self.smoother.push(np.array([score]))[0]), shares


def smoothed(spec: SmoothingSpec, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``values``, float64 (t, n), smoothed from the first on, float64 (t, n)."""
    smoother = Smoother(spec, values.shape[1])
    return np.array([smoother.push(v) for v in values]).reshape(values.shape)


def _logs(values: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.log(np.maximum(values, _TINY))
    return found
