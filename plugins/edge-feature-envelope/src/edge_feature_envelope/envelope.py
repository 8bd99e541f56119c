"""The envelope spectrum of a band, and the fault lines in it.

Steps, per channel (Randall and Antoni, Mechanical Systems and Signal Processing 25 (2011)
485-520, sections 3 and 6; the numbers are chosen here):

1. Band-pass and analytic signal at once: of the window's spectrum only the lines of the band are
   kept, all of positive frequency, with raised-cosine edges of a tenth of the band inside each
   end. Moving them down to zero turns the phase alone, so the transform back may be as short as
   twice the band: the magnitude is the Hilbert envelope of the band-passed signal.
2. The envelope's mean is removed, a Hann window applied, and the amplitude spectrum taken. Its
   lines lie rate / length apart, as those of the window do.
3. For each fault and harmonic, the largest amplitude within the tolerance of the line, at least
   the line next to it on either side; the mean over the harmonics. Left out are harmonics (not
   the first) whose search overlaps that of another fault, such as 3 BPFO and 2 BPFI of many
   bearings: they would not say which part it is.
4. Divided by the median amplitude from the first line to the highest one looked at: the ratio
   does not depend on the sensor's gain or the machine's general loudness.
"""

import itertools
import math
from typing import ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.plugin import (
    FEATURE_API_VERSION,
    CentredWindow,
    Fault,
    FaultLine,
    FeatureError,
    FeatureInput,
    LineSpectrum,
)
from edge_feature_envelope.bearing import FaultOrders
from edge_feature_envelope.options import EnvelopeOptions

# Fewer lines between two frequencies, and the main lobes of the Hann window run together.
RESOLVING_LINES = 3
EDGE = 0.1
PARTS = ("outer race", "inner race", "rolling element", "cage")


class Envelope:
    """Amplitudes at the bearing's fault lines, relative to the envelope spectrum's median.

    Four numbers without unit per channel; 0 for a flat window.
    """

    api_version: ClassVar[int] = FEATURE_API_VERSION
    version: ClassVar[str] = "1"
    options: ClassVar[type[msgspec.Struct]] = EnvelopeOptions
    output_unit: ClassVar[str] = ""

    def __init__(self, options: EnvelopeOptions, given: FeatureInput) -> None:
        """Place the band and the lines in the spectra of such windows.

        Raises:
            FeatureError: the rate is unknown, the band ends above half of it or is narrower than
                the highest line, or the window is too short to tell the lines apart.
        """
        if given.rate_hz is None:
            raise FeatureError("envelope needs the sampling rate: found none")
        faults_hz = FaultOrders(*(options.shaft_hz * order for order in options.orders))
        _check(options, given.length, given.rate_hz, faults_hz)
        spacing_hz = given.rate_hz / given.length
        low = math.ceil(options.band_low_hz / spacing_hz)
        high = math.floor(options.band_high_hz / spacing_hz)
        self._band = slice(low, high + 1)
        self._mask = _raised_cosine(high + 1 - low)
        # Room for twice the band: the envelope's own spectrum is that much wider.
        self._size = 2 ** math.ceil(math.log2(2 * (high + 1 - low)))
        self._taper = np.hanning(self._size + 1)[:-1]
        searched = [
            [
                _around(harmonic * fault_hz / spacing_hz, options.tolerance)
                for harmonic in range(1, options.n_harmonics + 1)
            ]
            for fault_hz in faults_hz
        ]
        self._lines = _telling(searched)
        self._background = slice(1, max(lines[-1].stop for lines in searched))
        self._step_hz = spacing_hz
        self._title = (
            f"envelope of {options.band_low_hz:g} to {options.band_high_hz:g} Hz, "
            f"shaft at {options.shaft_hz:g} Hz"
        )
        self._faults = tuple(
            Fault(name.upper(), part, _fault_lines(fault_hz, lines, spacing_hz))
            for name, part, fault_hz, lines in zip(
                FaultOrders._fields, PARTS, faults_hz, self._lines, strict=True
            )
        )

    @property
    def outputs(self) -> tuple[str, ...]:
        """``bpfo``, ``bpfi``, ``bsf``, ``ftf``."""
        return FaultOrders._fields

    def compute(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return how far the four lines stand out, float32 (channels, 4)."""
        prominence = np.zeros((len(window.samples), len(self._lines)), np.float32)
        for channel, row in enumerate(window.samples):
            # In float64 whatever the version of numpy, so that all gateways agree.
            amplitudes = self._envelope_spectrum(row.astype(np.float64))
            median = np.median(amplitudes[self._background])
            if median > 0:
                prominence[channel] = [
                    np.mean([amplitudes[line].max() for line in lines]) / median
                    for lines in self._lines
                ]
        return prominence

    def line_spectrum(self, window: CentredWindow) -> LineSpectrum:
        """Return the envelope spectra from 0 to the highest line looked at, with the lines."""
        amplitudes = [
            self._envelope_spectrum(row.astype(np.float64))[: self._background.stop]
            for row in window.samples
        ]
        return LineSpectrum(
            self._title, self._step_hz, np.array(amplitudes, np.float32), self._faults
        )

    def _envelope_spectrum(self, row: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return amplitudes up to a common factor, float64 (size / 2 + 1,)."""
        band = np.fft.rfft(row)[self._band] * self._mask
        envelope = np.abs(np.fft.ifft(band, self._size))
        envelope -= envelope.mean()
        amplitudes: NDArray[np.float64] = np.abs(np.fft.rfft(envelope * self._taper))
        return amplitudes


def _check(options: EnvelopeOptions, length: int, rate_hz: float, faults_hz: FaultOrders) -> None:
    """Raise FeatureError where the lines cannot be found in windows of this length and rate."""
    if options.band_high_hz > rate_hz / 2:
        raise FeatureError(
            f"band_high_hz must not exceed half the sampling rate, {rate_hz / 2:g} Hz: "
            f"found {options.band_high_hz:g} Hz"
        )
    in_order = sorted((0.0, *faults_hz))
    closest_hz = min(b - a for a, b in itertools.pairwise(in_order))
    if RESOLVING_LINES * rate_hz > length * closest_hz:
        named = ", ".join(
            f"{name} {fault_hz:.4g} Hz"
            for name, fault_hz in zip(FaultOrders._fields, faults_hz, strict=True)
        )
        needed = (
            "no window"
            if closest_hz == 0
            else (f"{math.ceil(RESOLVING_LINES * rate_hz / closest_hz)} samples")
        )
        raise FeatureError(
            f"the window is too short to tell {named} from each other and from 0: found "
            f"{length} samples at {rate_hz:g} Hz, needed: {needed}"
        )
    highest_hz = options.n_harmonics * max(faults_hz) * (1 + options.tolerance)
    width_hz = options.band_high_hz - options.band_low_hz
    if highest_hz + rate_hz / length > width_hz:
        raise FeatureError(
            f"the envelope of a band of {width_hz:g} Hz cannot hold the highest line, "
            f"{options.n_harmonics} x {max(faults_hz):.4g} Hz: widen band_low_hz, band_high_hz "
            f"or lower n_harmonics"
        )


def _fault_lines(fault_hz: float, lines: list[slice], spacing_hz: float) -> tuple[FaultLine, ...]:
    """Return where a fault is looked for, with the number of each harmonic."""
    middles = [(line.start + line.stop - 1) / 2 * spacing_hz for line in lines]
    return tuple(
        FaultLine(
            harmonic := max(1, round(middle_hz / fault_hz)),
            harmonic * fault_hz,
            line.start * spacing_hz,
            (line.stop - 1) * spacing_hz,
        )
        for middle_hz, line in zip(middles, lines, strict=True)
    )


def _raised_cosine(lines: int) -> NDArray[np.float64]:
    """Return weights of the band's lines: 1, falling to 0 over a tenth at either end."""
    position = (np.arange(lines) + 0.5) / lines
    from_end = np.minimum(position, 1 - position)
    weights: NDArray[np.float64] = 0.5 - 0.5 * np.cos(np.pi * np.minimum(from_end / EDGE, 1))
    return weights


def _around(line: float, tolerance: float) -> slice:
    """Return the spectrum's lines within the tolerance, at least the nearest and its neighbours."""
    reach = max(line * tolerance, 1.0)
    return slice(max(math.floor(line - reach + 0.5), 1), math.floor(line + reach + 0.5) + 1)


def _telling(searched: list[list[slice]]) -> list[list[slice]]:
    """Return each fault's first line, and those harmonics that no other fault is searched at."""

    def shared(line: slice, fault: int) -> bool:
        others = itertools.chain(*searched[:fault], *searched[fault + 1 :])
        return any(line.start < other.stop and other.start < line.stop for other in others)

    return [
        [first, *(line for line in harmonics if not shared(line, fault))]
        for fault, (first, *harmonics) in enumerate(searched)
    ]
