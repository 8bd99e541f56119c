"""Vectors of windows in which some channels are context: of those, the mean and nothing else."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.block import InputSpec
from edge_agent.pipeline.features.extract import FeatureExtractor, FeatureSpec
from edge_agent.plugin import FeatureError


class Extractor(Protocol):
    """From a window to its vector; see FeatureExtractor."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the vector's numbers."""

    @property
    def units(self) -> tuple[str | None, ...]:
        """What they are in."""

    def compute(
        self, samples: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the vector, float32 (F,), and each channel's mean, float32 (channels,)."""


class ContextExtractor:
    """Computes features of the other channels and puts the context behind them.

    Attributes:
        names: those of the features, then those of the context channels.
        units: likewise.
    """

    def __init__(self, specs: Sequence[FeatureSpec], given: InputSpec) -> None:
        """Prepare the features. Raises FeatureError as FeatureExtractor does."""
        inner = given.feature_input()
        self._features = FeatureExtractor(specs, inner)
        self._shape = given.length, len(given.channels)
        self._vibration = [given.channels.index(name) for name in inner.channels]
        self._context = [given.channels.index(name) for name in given.context]
        self.names: tuple[str, ...] = (*self._features.names, *given.context)
        self.units: tuple[str | None, ...] = (*self._features.units, *[None] * len(given.context))
        twice = set(given.context) & set(self._features.names)
        if twice:
            raise FeatureError(f"{', '.join(twice)}: the name of a context channel and a feature")

    def compute(
        self, samples: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See Extractor. Raises FeatureError as FeatureExtractor does."""
        if samples.shape != self._shape:
            raise FeatureError(
                f"a window must have the shape (samples, channels) {self._shape}: "
                f"found {samples.shape}"
            )
        bias = np.empty(self._shape[1], np.float32)
        context = samples[:, self._context].mean(axis=0, dtype=np.float64).astype(np.float32)
        if not np.isfinite(context).all():
            raise FeatureError("samples are not finite in a context channel")
        vibration = np.ascontiguousarray(samples[:, self._vibration])
        vector, bias[self._vibration] = self._features.compute(vibration)
        bias[self._context] = context
        return np.concatenate((vector, context)), bias


def window_extractor(specs: Sequence[FeatureSpec], given: InputSpec) -> Extractor:
    """Return what computes the vectors of windows like ``given``. Raises FeatureError."""
    if given.context:
        return ContextExtractor(specs, given)
    return FeatureExtractor(specs, given.feature_input())
