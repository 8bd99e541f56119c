"""The compact spectrum: how much of the vibration lies in each of some hundred bands."""

import numpy as np
from numpy.typing import NDArray

BANDS = 144
_LOWEST_DB = -200.0  # far below any sensor's noise, in any unit


class BandSpectrum:
    """Levels of bands that grow with frequency, each of one line of the transform at least.

    A Hann window, made up for in power, then the squares of the lines in each band are added: the
    level of a band is its rms, and the squares of all bands add up to the mean square of what is
    above the first line. Bands of constant relative width compare machines from day to day better
    than lines, as speed is never quite the same (ISO 13373-2, constant percentage bandwidth).

    Attributes:
        edges_hz: float64 (bands + 1,), where one ends and the next begins.
    """

    def __init__(self, rate_hz: float, length: int) -> None:
        """Prepare for ``length`` samples a window, at least 8."""
        lines = np.geomspace(1, length // 2 + 1, BANDS + 1)
        self._edges = np.unique(np.rint(lines).astype(np.intp))
        self.edges_hz: NDArray[np.float64] = (self._edges - 0.5) * (rate_hz / length)
        self._taper = np.hanning(length + 1)[:-1]
        self._weight = 2.0 / (length * float(self._taper.dot(self._taper)))

    def levels_db(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return 20 log10 of each band's rms in the samples' unit, float64 (channels, bands).

        Args:
            samples: of one window without their mean, float32 (channels, n).
        """
        levels = np.empty((len(samples), len(self._edges) - 1))
        for channel, row in enumerate(samples):
            lines = np.fft.rfft(row * self._taper)[: self._edges[-1]]
            power = (lines.real * lines.real + lines.imag * lines.imag) * self._weight
            mean_square = np.add.reduceat(power, self._edges[:-1])
            levels[channel] = 10 * np.log10(np.maximum(mean_square, 10 ** (_LOWEST_DB / 10)))
        return levels
