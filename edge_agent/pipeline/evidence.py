"""What speaks for an anomaly in numbers: which are unusual, and what they were before."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.spec import FlowSpec

VELOCITY = "_velocity_rms"
_DIGITS = 5


class FeatureEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One feature beside what it was when the machine was healthy.

    Attributes:
        name: of the feature; channel and feature.
        share: 0 to 1, of the score of the detector that is furthest over its threshold; null where
            it is not among the most responsible.
        value: in the window of the event; null where it was not computed.
        unit: of the value; empty for a ratio, null where unknown.
        channel: that it was computed from; null where it is no channel's.
        healthy_median: when the machine was healthy; null where nothing was learned yet.
        healthy_low: of twenty healthy windows one was lower.
        healthy_high: of twenty healthy windows one was higher.
    """

    name: str
    share: float | None
    value: float | None = None
    unit: str | None = None
    channel: str | None = None
    healthy_median: float | None = None
    healthy_low: float | None = None
    healthy_high: float | None = None

    @property
    def distance(self) -> float:
        """How far it is from the median, in widths of the healthy range on that side."""
        if self.value is None or self.healthy_median is None:
            return 0.0
        side = self.healthy_high if self.value > self.healthy_median else self.healthy_low
        width = abs((side if side is not None else self.healthy_median) - self.healthy_median)
        return abs(self.value - self.healthy_median) / max(width, 1e-9, 1e-6 * abs(self.value))


class Describer:
    """Sets features beside the healthy ones, for one asset."""

    def __init__(self, spec: FlowSpec, units: tuple[str | None, ...], *, velocity: bool) -> None:
        """Know the features of ``spec``, and the channels' velocities where there is a limit.

        ``units`` are those of the features, in order; empty where nobody knows them.
        """
        vibration = spec.input.feature_input().channels if spec.input.kind == "samples" else ()
        extra = tuple(f"{name}{VELOCITY}" for name in vibration) if velocity else ()
        self.names = spec.feature_names + tuple(x for x in extra if x not in spec.feature_names)
        self._n_features = len(spec.feature_names)
        self._index = {name: i for i, name in enumerate(self.names)}
        known: tuple[str | None, ...] = units or (None,) * self._n_features
        self._units = (*known, *["mm/s"] * (len(self.names) - self._n_features))
        by_length = sorted(vibration, key=len, reverse=True)
        self._channels = [
            next((c for c in by_length if name.startswith(f"{c}_")), None) for name in self.names
        ]

    def values(
        self, vector: NDArray[np.float32] | None, velocity_mm_s: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """Return the numbers of one window in the order of ``names``, NaN where there is none."""
        values = np.full(len(self.names), np.nan, np.float32)
        if vector is not None:
            values[: self._n_features] = vector
        if velocity_mm_s is not None and len(self.names) > self._n_features:
            values[self._n_features :] = velocity_mm_s
        return values

    def evidence(
        self,
        responsible: tuple[tuple[str, float], ...],
        values: NDArray[np.float32],
        ranges: NDArray[np.float32] | None,
    ) -> tuple[FeatureEvidence, ...]:
        """Return the evidence of the ``responsible`` features, in their order."""
        return tuple(self._one(name, share, values, ranges) for name, share in responsible)

    def others(
        self,
        taken: tuple[FeatureEvidence, ...],
        values: NDArray[np.float32],
        ranges: NDArray[np.float32] | None,
        at_most: int,
    ) -> tuple[FeatureEvidence, ...]:
        """Return what else is far from healthy, the furthest first."""
        if ranges is None:
            return ()
        names = {one.name for one in taken}
        rest = [self._one(name, None, values, ranges) for name in self.names if name not in names]
        unusual = [one for one in rest if one.distance > 1.0]
        return tuple(sorted(unusual, key=lambda one: -one.distance)[:at_most])

    def _one(
        self,
        name: str,
        share: float | None,
        values: NDArray[np.float32],
        ranges: NDArray[np.float32] | None,
    ) -> FeatureEvidence:
        at = self._index.get(name)
        if at is None:
            return FeatureEvidence(name=name, share=share)
        healthy = (None,) * 3 if ranges is None else tuple(map(_number, ranges[:, at].tolist()))
        return FeatureEvidence(
            name=name,
            share=None if share is None else float(f"{share:.7g}"),
            value=_number(float(values[at])),
            unit=self._units[at],
            channel=self._channels[at],
            healthy_low=healthy[0],
            healthy_median=healthy[1],
            healthy_high=healthy[2],
        )


def _number(value: float) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None
