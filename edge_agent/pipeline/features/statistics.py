"""Time-domain statistics of a window: the built-in features that need no rate and no unit.

x is a channel's window after its mean was removed, n its length. Definitions follow ISO 13373-2
(rms, peak, crest factor), Lei, Lin, He and Zi, "A review on empirical mode decomposition in fault
diagnosis of rotating machinery", MSSP 35 (2013) (shape, impulse, clearance factor), and Joanes
and Gill, "Comparing measures of sample skewness and kurtosis", The Statistician 47 (1998) (g1,
g2). Where every sample is equal the ratios would be 0/0; they are 0 by definition here, so that
a dead channel gives finite numbers and the decision about it is left to those who judge it.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.plugin import (
    FEATURE_API_VERSION,
    CentredWindow,
    FeatureInput,
    NoOptions,
)


def _ratio(numerator: NDArray[np.float32], denominator: NDArray[np.float32]) -> NDArray[np.float32]:
    """Quotient per channel, 0 where both are 0, as in a flat window."""
    quotient: NDArray[np.float32] = numerator / (denominator + (denominator == 0))
    return quotient


class Statistic(ABC):
    """One number per channel from the window's shared sums, without options."""

    api_version: ClassVar[int] = FEATURE_API_VERSION
    version: ClassVar[str] = "1"
    options: ClassVar[type[msgspec.Struct]] = NoOptions
    name: ClassVar[str]
    output_unit: ClassVar[str] = ""

    def __init__(  # noqa: B027 - there is nothing to prepare
        self, options: msgspec.Struct, given: FeatureInput
    ) -> None:
        """Accept any window."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The feature's own name."""
        return (self.name,)

    def compute(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return float32 (channels, 1)."""
        return self.per_channel(window)[:, None]

    @abstractmethod
    def per_channel(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return float32 (channels,)."""


class MeanAbs(Statistic):
    """Mean absolute value, sum |x| / n, in the samples' unit."""

    name = "mean_abs"
    output_unit = "{unit}"

    def per_channel(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return mean |x|, float32 (channels,)."""
        return window.mean_absolute


class Rms(Statistic):
    """Root mean square, sqrt(sum x*x / n), in the samples' unit (ISO 13373-2)."""

    name = "rms"
    output_unit = "{unit}"

    def per_channel(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return the rms, float32 (channels,)."""
        return window.rms


class Peak(Statistic):
    """Largest absolute value, max |x|, in the samples' unit (ISO 13373-2)."""

    name = "peak"
    output_unit = "{unit}"

    def per_channel(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return max |x|, float32 (channels,)."""
        return window.peak


class PeakToPeak(Statistic):
    """Largest minus smallest value, max x - min x, in the samples' unit (ISO 13373-2)."""

    name = "peak_to_peak"
    output_unit = "{unit}"

    def per_channel(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return max x - min x, float32 (channels,)."""
        return window.highest - window.lowest


class CrestFactor(Statistic):
    """Peak over rms, max |x| / rms (ISO 13373-2); sqrt(2) for a sine; 0 for a flat window."""

    name = "crest_factor"

    def per_channel(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return peak / rms, float32 (channels,)."""
        return _ratio(window.peak, window.rms)


class Kurtosis(Statistic):
    """Excess kurtosis, biased: m4 / m2^2 - 3 with central moments of divisor n.

    Fisher's definition, g2 of Joanes and Gill: 0 for Gaussian noise, -1.5 for a sine; 0 for a
    flat window.
    """

    name = "kurtosis"

    def per_channel(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return the excess kurtosis, float32 (channels,)."""
        excess: NDArray[np.float32] = window.standardised_moments[1] - np.float32(3)
        excess[window.rms == 0] = 0
        return excess


class Skewness(Statistic):
    """Skewness, biased: m3 / m2^(3/2) with central moments of divisor n; 0 for a flat window.

    g1 of Joanes and Gill: 0 for any symmetric distribution.
    """

    name = "skewness"

    def per_channel(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return the skewness, float32 (channels,)."""
        skewness: NDArray[np.float32] = window.standardised_moments[0]
        return skewness


class ShapeFactor(Statistic):
    """Rms over mean absolute value; 1.11 for a sine; 0 for a flat window (Lei et al.)."""

    name = "shape_factor"

    def per_channel(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return rms / mean |x|, float32 (channels,)."""
        return _ratio(window.rms, window.mean_absolute)


class ImpulseFactor(Statistic):
    """Peak over mean absolute value; 1.57 for a sine; 0 for a flat window (Lei et al.)."""

    name = "impulse_factor"

    def per_channel(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return max |x| / mean |x|, float32 (channels,)."""
        return _ratio(window.peak, window.mean_absolute)


class ClearanceFactor(Statistic):
    """Peak over squared mean root, max |x| / (sum sqrt|x| / n)^2 (Lei et al.).

    1.72 for a sine; 0 for a flat window.
    """

    name = "clearance_factor"

    def per_channel(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return max |x| / (mean sqrt|x|)^2, float32 (channels,)."""
        return _ratio(window.peak, window.mean_root * window.mean_root)
