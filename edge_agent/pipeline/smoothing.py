"""Exponentially weighted moving average of a score."""

import math

import msgspec

_TINY = 1e-6  # a perfect forecast scores 0, which has no logarithm


class SmoothingSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How scores are averaged.

    Attributes:
        alpha: weight of the newest value: 1 is no smoothing, span n of the textbooks is
            2 / (n + 1).
        geometric: average ln score, so that one wild window cannot outweigh many quiet ones.
        initial: the average before the first value; None begins at the first value.
    """

    alpha: float = 1.0
    geometric: bool = False
    initial: float | None = None

    def __post_init__(self) -> None:
        """Refuse weights that do not average. Raises ValueError."""
        if not 0.0 < self.alpha <= 1.0:
            raise ValueError(f"smoothing.alpha is {self.alpha}, allowed: above 0, at most 1")


class Ewma:
    """s[t] = alpha x[t] + (1 - alpha) s[t-1], begun at the first value (Roberts 1959)."""

    def __init__(self, spec: SmoothingSpec) -> None:
        """Start without a value."""
        self._alpha = spec.alpha
        self._geometric = spec.geometric
        self.value: float | None = spec.initial

    def push(self, value: float) -> float:
        """Return the average after ``value``."""
        if self.value is None:
            self.value = value
        elif self._geometric:
            logs = math.log(max(self.value, _TINY)), math.log(max(value, _TINY))
            self.value = math.exp(logs[0] + self._alpha * (logs[1] - logs[0]))
        else:
            self.value += self._alpha * (value - self.value)
        return self.value
