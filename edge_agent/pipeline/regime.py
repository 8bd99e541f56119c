"""Speed and load are context, not symptoms: what they explain is taken off the other features.

A feature keeps its unit and its usual size: what is left is how it would be if the machine always
ran in its usual regime. So everything behind sees one machine, and a change of regime is no change
of the machine. Where the context is unlike any that was learned from, nothing can be said.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

_TINY = 1e-12
_LARGEST_LOG = 80.0  # what float32 can hold


class Regime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One range of the context, in which y = location + slope * (context - center) is usual.

    y is ln x or x, as ``RegimeSpec.logarithm`` says.

    Attributes:
        center: of the range, one number per context.
        low: the least that was seen, one per context.
        high: the most.
        windows: it was learned from.
        location: of each feature's y.
        slope: for each context one number per feature.
        scale: of each feature's y around that, above 0.
    """

    center: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    windows: int
    location: tuple[float, ...]
    slope: tuple[tuple[float, ...], ...]
    scale: tuple[float, ...]


class RegimeSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The regimes that were learned from.

    Attributes:
        context: indices in the vector of the numbers that tell the regime.
        span: for each of them the healthy range, which distances are measured in.
        margin: in spans: a context farther than this outside of every regime is unseen.
        features: indices of the features that are freed of the regime, all the others.
        logarithm: for each feature whether y is ln x.
        location: each feature's y in the usual regime.
        scale: likewise, above 0.
        regimes: one or more.
    """

    context: tuple[int, ...]
    span: tuple[float, ...]
    margin: float
    features: tuple[int, ...]
    logarithm: tuple[bool, ...]
    location: tuple[float, ...]
    scale: tuple[float, ...]
    regimes: tuple[Regime, ...]

    def __post_init__(self) -> None:
        """Refuse what cannot be applied. Raises ValueError."""
        c, f = len(self.context), len(self.features)
        if not c or not f or set(self.context) & set(self.features):
            raise ValueError("regime.context or features is empty, or they share an index")
        per_feature = [self.logarithm, self.location, self.scale]
        per_context: list[tuple[object, ...]] = [self.span]
        positive = [*self.span, *self.scale]
        for regime in self.regimes:
            per_feature += [regime.location, regime.scale, *regime.slope]
            per_context += [regime.center, regime.low, regime.high, regime.slope]
            positive += regime.scale
        if not self.regimes or {len(x) for x in per_feature} != {f}:
            raise ValueError(f"regime.regimes is empty, or a list of its is not of {f} features")
        if {len(x) for x in per_context} != {c}:
            raise ValueError(f"regime.regimes holds a list that is not of {c} contexts")
        if not all(np.isfinite(s) and s > 0.0 for s in positive) or not self.margin >= 0.0:
            raise ValueError("regime.span, scale or margin holds a value that is not above 0")


class Regimes:
    """Frees vectors of the regime they were measured in; keeps nothing from one to the next."""

    def __init__(self, spec: RegimeSpec, names: tuple[str, ...]) -> None:
        """Prepare arrays once, for vectors of the features ``names``."""
        self._spec = spec
        self._names = names
        self._context = np.array(spec.context, dtype=np.intp)
        self._features = np.array(spec.features, dtype=np.intp)
        self._log = np.array(spec.logarithm)
        self._span = np.array(spec.span)
        self._low = np.array([r.low for r in spec.regimes])
        self._high = np.array([r.high for r in spec.regimes])
        self._center = np.array([r.center for r in spec.regimes])
        self._location = np.array([r.location for r in spec.regimes])
        self._slope = np.array([r.slope for r in spec.regimes])
        self._ratio = np.array(spec.scale) / np.array([r.scale for r in spec.regimes])
        self._usual = np.array(spec.location)

    def find(self, vector: NDArray[np.float32]) -> int | None:
        """Return which regime ``vector``, float32 (F,), is of; None: of none that was seen."""
        context = vector[self._context].astype(np.float64)
        outside = np.maximum(self._low - context, context - self._high) / self._span
        near = np.flatnonzero((outside <= self._spec.margin).all(axis=1))
        if not len(near):
            return None
        apart = np.square(np.maximum(outside[near], 0.0)).sum(axis=1)
        distance = np.square((context - self._center[near]) / self._span).sum(axis=1)
        return int(near[np.lexsort((distance, apart))[0]])

    def remove(self, vector: NDArray[np.float32], regime: int) -> NDArray[np.float32]:
        """Return the features of ``vector``, float32 (F,), as the usual regime would have them.

        Returns:
            float32 (features,), without the context.
        """
        context = vector[self._context].astype(np.float64)
        y = as_y(vector[self._features], self._log)
        moved = context - self._center[regime]
        expected = self._location[regime] + moved @ self._slope[regime]
        left = self._usual + (y - expected) * self._ratio[regime]
        amplitude = np.exp(np.clip(left, -_LARGEST_LOG, _LARGEST_LOG))
        return np.where(self._log, amplitude, left).astype(np.float32)

    def unseen(self, vector: NDArray[np.float32]) -> str:
        """Say for a person what was found and what was learned from."""
        return "; ".join(
            f"{self._names[i]} is {vector[i]:.4g}, seen were"
            f" {', '.join(f'{a:.4g} to {b:.4g}' for a, b in self._ranges(j))}"
            for j, i in enumerate(self._context)
        )

    def _ranges(self, j: int) -> list[tuple[float, float]]:
        """Return the ranges of one context, those that touch within the margin as one."""
        joined: list[tuple[float, float]] = []
        for low, high in sorted(zip(self._low[:, j], self._high[:, j], strict=True)):
            apart = 2.0 * self._spec.margin * self._span[j]
            if joined and low - joined[-1][1] <= apart:
                joined[-1] = joined[-1][0], max(high, joined[-1][1])
            else:
                joined.append((float(low), float(high)))
        return joined


def as_y(values: NDArray[np.float32], logarithm: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return y, float64, of ``values`` (..., F); finite also where x is not above 0."""
    x = values.astype(np.float64)
    y: NDArray[np.float64] = np.where(logarithm, np.log(np.maximum(x, _TINY)), x)
    return y
