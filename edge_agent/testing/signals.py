"""Windows that a feature has to live with."""

import numpy as np
from numpy.typing import NDArray

from edge_agent.plugin import CentredWindow, FeatureInput

_SEED = 20816
_PERIODS = 16
_TINY = 1e-12
_HUGE = 1e6


def ordinary(given: FeatureInput, seed: int = _SEED) -> NDArray[np.float32]:
    """Return noise with a tone, about 1 in ``given.unit``, float32 (length, channels)."""
    noise = np.random.default_rng(seed).standard_normal((given.length, len(given.channels)))
    tone = np.sin(2 * np.pi * _PERIODS * np.arange(given.length) / given.length)
    samples: NDArray[np.float32] = (0.5 + noise + tone[:, None]).astype(np.float32)
    return samples


def awkward(given: FeatureInput) -> dict[str, NDArray[np.float32]]:
    """Return named windows, float32 (length, channels), on which careless formulas break.

    Sensors deliver each of them: an unplugged input is flat, a stuck one constant, a shock a
    single sample; tiny and huge stand for wrong units.
    """
    usual = ordinary(given)
    impulse = np.zeros_like(usual)
    impulse[given.length // 2] = 1.0
    return {
        "flat": np.zeros_like(usual),
        "constant": np.full_like(usual, 9.81),
        "impulse": impulse,
        "tiny": usual * np.float32(_TINY),
        "huge": usual * np.float32(_HUGE),
    }


def centred(samples: NDArray[np.float32]) -> CentredWindow:
    """Return the window as the pipeline hands it over, its shared sums already computed."""
    window = CentredWindow(samples)
    for name in ("absolute", "squared", "mean_absolute", "mean_square", "peak"):
        getattr(window, name)
    return window
