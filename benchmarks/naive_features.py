"""The reference for features: the definitions written down one by one, as they are read.

This is how such code is mostly found: one function per feature, each over all channels of an
array (samples, channels), powers as ``x**3``, and a wavelet packet per channel by PyWavelets.
"""

from collections.abc import Callable

import numpy as np
import pywt
from numpy.typing import NDArray

Array = NDArray[np.float32]


STATISTICS: dict[str, Callable[[Array], Array]] = {
    "mean_abs": lambda x: np.mean(np.abs(x), axis=0),
    "rms": lambda x: np.sqrt(np.mean(x**2, axis=0)),
    "peak": lambda x: np.max(np.abs(x), axis=0),
    "peak_to_peak": lambda x: np.max(x, axis=0) - np.min(x, axis=0),
    "crest_factor": lambda x: np.max(np.abs(x), axis=0) / np.sqrt(np.mean(x**2, axis=0)),
    "kurtosis": lambda x: np.mean(x**4, axis=0) / np.mean(x**2, axis=0) ** 2 - 3,
    "skewness": lambda x: np.mean(x**3, axis=0) / np.mean(x**2, axis=0) ** 1.5,
    "shape_factor": lambda x: np.sqrt(np.mean(x**2, axis=0)) / np.mean(np.abs(x), axis=0),
    "impulse_factor": lambda x: np.max(np.abs(x), axis=0) / np.mean(np.abs(x), axis=0),
    "clearance_factor": lambda x: (
        np.max(np.abs(x), axis=0) / np.mean(np.sqrt(np.abs(x)), axis=0) ** 2
    ),
}


def band_energies(x: Array) -> Array:
    """Energies of the 8 bands of a 3-level packet, (8, channels)."""
    energies = []
    for channel in range(x.shape[1]):
        tree = pywt.WaveletPacket(x[:, channel], "db4", mode="periodization", maxlevel=3)
        leaves = tree.get_level(3, "freq")
        energies.append([np.sum(leaf.data**2) / len(x) for leaf in leaves])
    return np.array(energies).T


def features(samples: Array, names: tuple[str, ...]) -> Array:
    """Return the features of a window (n, channels), channel by channel.

    Args:
        samples: the window.
        names: of ``STATISTICS``, and ``band_energies``.
    """
    x = samples - np.mean(samples, axis=0)
    rows = [
        band_energies(x) if name == "band_energies" else STATISTICS[name](x)[None] for name in names
    ]
    return np.concatenate(rows).T.reshape(-1)


def features_by_column(samples: Array, names: tuple[str, ...]) -> Array:
    """Return the same with each channel taken out first: leaner, as strided sums are slow."""
    columns = [
        features(np.ascontiguousarray(column)[:, None], names).reshape(-1) for column in samples.T
    ]
    return np.concatenate(columns)
