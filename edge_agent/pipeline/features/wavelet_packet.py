"""Band energies of a wavelet packet, as one matrix product per channel."""

from typing import ClassVar

import msgspec
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from edge_agent.plugin import (
    FEATURE_API_VERSION,
    CentredWindow,
    FeatureError,
    FeatureInput,
    NoOptions,
)

LEVELS = 3
BANDS = 2**LEVELS
# Daubechies' wavelet with four vanishing moments, "Ten Lectures on Wavelets" (1992), table 6.1, in
# the order and sign of PyWavelets' ``db4``: to import all that for eight numbers takes 2 MB more.
LOW_PASS = np.array(
    [
        -0.010597401785069032,
        0.0328830116668852,
        0.030841381835560764,
        -0.18703481171909309,
        -0.027983769416859854,
        0.6308807679298589,
        0.7148465705529157,
        0.2303778133088965,
    ]
)
HIGH_PASS = LOW_PASS[::-1] * np.array([-1.0, 1.0] * 4)
# Each leaf of the tree is one filter of (8 - 1) * (1 + 2 + 4) + 1 taps. Its coefficient k weighs
# the samples from 8 k - 21 on.
TAPS = 50
LEAD = 21
# Samples per row of the product. Larger blocks multiply more zeros, smaller ones leave the product
# too narrow to be fast; 16 took the least time of 16 ... 64 under two versions of OpenBLAS.
BLOCK = 16
BLOCK_STEPS = BLOCK // BANDS
SPAN = BLOCK - BANDS + TAPS
# The samples that a row needs overlap the next row's, and numpy multiplies overlapping rows without
# BLAS, twenty times slower. Every fourth row is free of the one before: four products, no copy.
GROUPS = -(-SPAN // BLOCK)
# Below this the filter would wrap around the window onto itself.
SHORTEST_BANDED = 64


def packet_matrix(length: int) -> NDArray[np.float64]:
    """Return the whole transform of ``length`` samples as a matrix, float64 (length, length).

    Row ``band * (length / 8) + k`` gives coefficient k of the band, bands in the order of
    frequency. It is orthogonal.
    """
    bands = [np.eye(length)]
    for _ in range(LEVELS):
        halves = []
        for number, band in enumerate(bands):
            low, high = _halved(band)
            # Decimation turns a high band's frequencies around.
            halves += [low, high] if number % 2 == 0 else [high, low]
        bands = halves
    return np.concatenate(bands)


def _halved(band: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Filter the columns of ``band``, float64 (n, columns), and keep every second row of each."""
    first = 2 * np.arange(len(band) // 2)[:, None]
    taps = band[(first + 4 - np.arange(len(LOW_PASS))) % len(band)]
    return np.einsum("krc,r->kc", taps, LOW_PASS), np.einsum("krc,r->kc", taps, HIGH_PASS)


def banded_matrix() -> NDArray[np.float32]:
    """Return the 8 leaf filters for one block of samples, float32 (BLOCK, SPAN).

    Row ``band * BLOCK_STEPS + step`` gives the coefficient ``step`` of the block from the samples
    that begin LEAD before the block.
    """
    length, step = 128, 4  # one from the middle, that does not wrap around
    rows = packet_matrix(length).reshape(BANDS, length // BANDS, length)[:, step]
    filters = rows[:, BANDS * step - LEAD : BANDS * step - LEAD + TAPS]
    matrix = np.zeros((BANDS, BLOCK_STEPS, SPAN), np.float32)
    for step in range(BLOCK_STEPS):
        matrix[:, step, BANDS * step : BANDS * step + TAPS] = filters
    return matrix.reshape(BLOCK, SPAN)


class BandEnergies:
    """Energies of the 8 bands of a 3-level db4 wavelet packet, in the samples' unit squared.

    Band i covers about i/16 to (i + 1)/16 of the sampling rate. The window is continued
    periodically (PyWavelets' ``periodization``), which makes the transform orthogonal: the energy
    of a band is the sum of its squared coefficients divided by the window's length, and the
    eight add up to the window's mean square. Windows whose length is no multiple of 8 are
    shortened to one, by up to 7 samples at the end.

    Source: Mallat, "A Wavelet Tour of Signal Processing", chapter 8; as bearing features e.g. in
    Nikolaou and Antoniadis, "Rolling element bearing fault diagnosis using wavelet packets",
    NDT & E International 35 (2002). The three levels of filtering and decimation are linear and
    repeat every 8 samples, so all leaves of 16 samples are one product with a banded matrix.
    """

    api_version: ClassVar[int] = FEATURE_API_VERSION
    version: ClassVar[str] = "1"
    options: ClassVar[type[msgspec.Struct]] = NoOptions
    output_unit: ClassVar[str] = "({unit})\u00b2"

    def __init__(self, options: NoOptions, given: FeatureInput) -> None:  # noqa: ARG002
        """Build the matrix for the given length.

        Raises:
            FeatureError: the window is shorter than 8 samples.
        """
        if given.length < BANDS:
            raise FeatureError(
                f"band_energies needs windows of at least {BANDS} samples: found {given.length}"
            )
        self._length = given.length - given.length % BANDS
        self._banded = self._length >= SHORTEST_BANDED
        if not self._banded:
            self._matrix = packet_matrix(self._length).astype(np.float32)
            return
        self._matrix = banded_matrix().T
        rows = -(-self._length // (GROUPS * BLOCK))
        # The window with what wraps around it, and the rows of each group as a view of it.
        self._wrapped = np.zeros((GROUPS * (rows + 1)) * BLOCK, np.float32)
        step_bytes = BLOCK * self._wrapped.itemsize
        self._spans = as_strided(
            self._wrapped,
            (GROUPS, rows, SPAN),
            (step_bytes, GROUPS * step_bytes, self._wrapped.itemsize),
            writeable=False,
        )
        self._coefficients = np.empty((GROUPS, rows, BLOCK), np.float32)
        self._by_filter = self._coefficients.reshape(GROUPS * rows, BLOCK)
        self._ones = np.ones(GROUPS * rows, np.float32)
        # Which coefficients lie beyond the end of the window, where the last rows are not full.
        group, row, column = np.indices(self._coefficients.shape)
        number = (row * GROUPS + group) * BLOCK_STEPS + column % BLOCK_STEPS
        self._beyond = np.flatnonzero(number >= self._length // BANDS)

    @property
    def outputs(self) -> tuple[str, ...]:
        """``band_energy_0`` (lowest frequencies) to ``band_energy_7``."""
        return tuple(f"band_energy_{band}" for band in range(BANDS))

    def compute(self, window: CentredWindow) -> NDArray[np.float32]:
        """Return the energies, float32 (channels, 8), in the samples' unit squared."""
        rows = window.samples[:, : self._length]
        if self._banded:
            squares = np.empty((len(rows), BLOCK), np.float32)
            for row, sums in zip(rows, squares, strict=True):
                self._sum_squares(row, sums)
        else:
            squares = rows @ self._matrix.T
            squares *= squares
        energies: NDArray[np.float32] = squares.reshape(len(rows), BANDS, -1).sum(axis=2)
        return energies / np.float32(self._length)

    def _sum_squares(self, row: NDArray[np.float32], sums: NDArray[np.float32]) -> None:
        """Put each filter's sum of squared coefficients over all blocks into ``sums``."""
        wrapped, coefficients, length = self._wrapped, self._coefficients, self._length
        wrapped[:LEAD] = row[-LEAD:]
        wrapped[LEAD : LEAD + length] = row
        wrapped[LEAD + length : length + TAPS - 1] = row[: TAPS - 1 - LEAD]
        np.matmul(self._spans, self._matrix, out=coefficients)
        if len(self._beyond):
            coefficients.reshape(-1)[self._beyond] = 0
        np.multiply(coefficients, coefficients, out=coefficients)
        np.dot(self._ones, self._by_filter, out=sums)
