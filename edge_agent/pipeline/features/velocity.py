"""Vibration severity: the rms of the velocity, from acceleration."""

from typing import ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.plugin import (
    FEATURE_API_VERSION,
    CentredWindow,
    FeatureError,
    FeatureInput,
    NoOptions,
)

LOWEST_HZ = 10.0
HIGHEST_HZ = 1000.0
SHORTEST_S = 1.0
MM_S2_PER_UNIT = {"g": 9806.65, "m/s2": 1000.0}


class VelocityRms:
    """Rms of the velocity in mm/s between 10 and 1000 Hz (ISO 20816-1, 4.2.2, broad-band severity).

    The acceleration's spectrum is divided by 2 pi f, which integrates it, and the squares in the
    band are added. A Hann window, made up for in power, keeps a strong tone from leaking to the
    lowest lines, where the division makes much of little. One rfft per channel.
    """

    api_version: ClassVar[int] = FEATURE_API_VERSION
    version: ClassVar[str] = "1"
    options: ClassVar[type[msgspec.Struct]] = NoOptions
    output_unit: ClassVar[str] = "mm/s"

    def __init__(self, options: NoOptions, given: FeatureInput) -> None:  # noqa: ARG002
        """Prepare the window and the line weights.

        Raises:
            FeatureError: unit, rate or length do not allow the quantity.
        """
        if given.unit not in MM_S2_PER_UNIT:
            found = "no unit" if given.unit is None else f"unit {given.unit!r}"
            raise FeatureError(
                f"velocity_rms integrates acceleration: found {found}, "
                f"allowed are {', '.join(map(repr, MM_S2_PER_UNIT))}"
            )
        if given.rate_hz is None:
            raise FeatureError("velocity_rms needs the sampling rate: found none")
        if given.rate_hz < 2 * HIGHEST_HZ:
            raise FeatureError(
                f"velocity_rms reaches to {HIGHEST_HZ:g} Hz: found a rate of "
                f"{given.rate_hz:g} Hz, needed are at least {2 * HIGHEST_HZ:g} Hz"
            )
        if given.length < SHORTEST_S * given.rate_hz:
            raise FeatureError(
                f"velocity_rms needs a window of at least {SHORTEST_S:g} s: found "
                f"{given.length} samples at {given.rate_hz:g} Hz, "
                f"{given.length / given.rate_hz:.3g} s"
            )
        frequency_hz = np.fft.rfftfreq(given.length, 1 / given.rate_hz)
        inside = np.flatnonzero((frequency_hz >= LOWEST_HZ) & (frequency_hz <= HIGHEST_HZ))
        self._lines = slice(int(inside[0]), int(inside[-1]) + 1)
        # The periodic Hann window: the one whose transform has three lines.
        taper = np.hanning(given.length + 1)[:-1]
        self._taper = taper
        # In float64 whatever the version of numpy, so that all gateways agree.
        self._tapered = np.empty(given.length)
        # Every line but the one at half the rate stands for a negative frequency as well.
        sides = np.where(2 * inside == given.length, 1.0, 2.0)
        integral = MM_S2_PER_UNIT[given.unit] / (2 * np.pi * frequency_hz[self._lines])
        self._weight = sides * integral * integral / (given.length * taper.dot(taper))

    @property
    def outputs(self) -> tuple[str, ...]:
        """One number per channel."""
        return ("velocity_rms",)

    def compute(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return the rms velocity in mm/s, float32 (channels, 1)."""
        severity = np.empty((len(window.samples), 1), np.float32)
        for channel, row in enumerate(window.samples):
            np.multiply(row, self._taper, out=self._tapered)
            lines = np.fft.rfft(self._tapered)[self._lines]
            power = lines.real * lines.real + lines.imag * lines.imag
            severity[channel] = np.sqrt(power.dot(self._weight))
        return severity
