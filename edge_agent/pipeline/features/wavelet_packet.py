"""Band energies of a wavelet packet, as one matrix product per channel."""

from typing import ClassVar

import msgspec
import numpy as np
import pywt
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edge_agent.plugin import (
    FEATURE_API_VERSION,
    CentredWindow,
    FeatureError,
    FeatureInput,
    NoOptions,
)

WAVELET = "db4"
LEVELS = 3
BANDS = 2**LEVELS
# Each leaf of the tree is one filter of (8 - 1) * (1 + 2 + 4) + 1 taps. Its coefficient k weighs
# the samples from 8 k - 21 on.
TAPS = 50
LEAD = 21
# Samples per row of the product. Larger blocks multiply more zeros, smaller ones copy more and
# leave the product too narrow to be fast; 32 took the least time of 8 ... 128.
BLOCK = 32
BLOCK_STEPS = BLOCK // BANDS
SPAN = BLOCK - BANDS + TAPS
# Below this the filter would wrap around the window onto itself.
SHORTEST_BANDED = 2 * BLOCK


def packet_matrix(length: int) -> NDArray[np.float64]:
    """Return the whole transform of ``length`` samples as a matrix, float64 (length, length).

    Row ``band * (length / 8) + k`` gives coefficient k of the band, bands in the order of
    frequency. It is orthogonal.
    """
    tree = pywt.WaveletPacket(
        np.eye(length), WAVELET, mode="periodization", maxlevel=LEVELS, axis=1
    )
    return np.concatenate([leaf.data.T for leaf in tree.get_level(LEVELS, "freq")])


def banded_matrix() -> NDArray[np.float32]:
    """Return the 8 leaf filters for one block of samples, float32 (BLOCK, SPAN).

    Row ``band * BLOCK_STEPS + step`` gives the coefficient ``step`` of the block from the samples
    that begin LEAD before the block.
    """
    length, step = 4 * BLOCK, BLOCK_STEPS
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
    repeat every 8 samples, so all leaves of 32 samples are one product with a banded matrix.
    """

    api_version: ClassVar[int] = FEATURE_API_VERSION
    version: ClassVar[str] = "1"
    options: ClassVar[type[msgspec.Struct]] = NoOptions

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
        self._matrix = banded_matrix()
        blocks = -(-self._length // BLOCK)
        # The window with what wraps around it, and its overlapping blocks as a view.
        self._wrapped = np.empty(blocks * BLOCK + SPAN - BLOCK, np.float32)
        self._overlapping = sliding_window_view(self._wrapped, SPAN)[::BLOCK]
        self._spans = np.empty((blocks, SPAN), np.float32)
        self._coefficients = np.empty((blocks, BLOCK), np.float32)
        self._ones = np.ones(blocks, np.float32)
        # A view of the coefficients beyond the end of the window, where the last block is short.
        last_steps = (self._length - (blocks - 1) * BLOCK) // BANDS
        self._beyond = self._coefficients[-1].reshape(BANDS, BLOCK_STEPS)[:, last_steps:]

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
        wrapped, coefficients = self._wrapped, self._coefficients
        end = LEAD + self._length
        wrapped[:LEAD] = row[-LEAD:]
        wrapped[LEAD:end] = row
        wrapped[end:] = row[: len(wrapped) - end]
        # numpy multiplies overlapping rows without BLAS, twenty times slower: hence the copy.
        np.copyto(self._spans, self._overlapping)
        np.matmul(self._spans, self._matrix.T, out=coefficients)
        self._beyond[...] = 0
        np.multiply(coefficients, coefficients, out=coefficients)
        np.dot(self._ones, coefficients, out=sums)
