"""Wavelet denoising of the sequence of feature vectors, without looking ahead."""

import math
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

_MAD_TO_SIGMA = 0.6745  # median of |x| of a standard normal variable


class DenoiseSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How feature sequences are denoised.

    Attributes:
        wavelet: the wavelet by its name in PyWavelets.
        length: vectors looked back at, the newest included.
        level: levels of decomposition; ``length`` must allow them.
        mode: how the sequence goes on beyond its ends. ``symmetric`` mirrors it, so that the
            newest vector is judged by those just before it; ``periodization`` would go on with
            the oldest ones, which pulls a drifting feature back to where it was.
    """

    wavelet: Literal["haar", "db2", "db3", "db4", "db6", "db8", "sym4", "sym5", "sym6", "sym8"] = (
        "db4"
    )
    length: int = 32
    level: int = 2
    mode: Literal["symmetric", "reflect", "smooth", "periodization"] = "symmetric"

    def __post_init__(self) -> None:
        """Refuse what cannot be computed. Raises ValueError."""
        if self.level < 1:
            raise ValueError(f"denoise.level is {self.level}, allowed: 1 and above")
        if not 2 <= self.length <= 1024:  # noqa: PLR2004 - the limits are said here and only here
            raise ValueError(f"denoise.length is {self.length}, allowed: 2 to 1024")


class Denoiser:
    """Soft universal thresholding over the last vectors, of which the newest is kept.

    Each feature's last n values are decomposed; details are shrunk towards 0 by sigma sqrt(2 ln n)
    with sigma = median |finest details| / 0.6745; the value at the newest position is the result
    (Donoho and Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81, 1994).
    So the value at t depends on vectors up to t alone, and is never revised. At the edge of a
    sequence less noise is averaged out than inside it: that is the price.

    Before ``length`` vectors have come it works over those that have, with fewer levels where it
    must, and returns vectors unchanged while there are too few for one level.

    Decomposition and reconstruction are linear, so each length has one matrix for the former and
    one row for the latter, both taken from PyWavelets.
    """

    def __init__(self, spec: DenoiseSpec, n_features: int) -> None:
        """Prepare for vectors of ``n_features`` numbers.

        Raises:
            ValueError: the length does not allow the level with this wavelet.
        """
        possible = _possible_levels(spec, spec.length)
        if possible < spec.level:
            raise ValueError(
                f"denoise.length {spec.length} allows {possible} levels with {spec.wavelet}: "
                f"found denoise.level {spec.level}"
            )
        self._spec = spec
        self._history = np.empty((0, n_features), np.float32)
        self._shrinker: _Shrinker | None = None

    def push(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next vector, float32 (F,), all finite, and return it denoised, float32 (F,)."""
        kept = self._history[-(self._spec.length - 1) :]
        self._history = np.concatenate((kept, vector[None].astype(np.float32, copy=False)))
        n = len(self._history)
        if self._shrinker is None or self._shrinker.n != n:
            self._shrinker = _Shrinker(self._spec, n)
        return self._shrinker.newest(self._history)

    def state(self) -> NDArray[np.float32]:
        """Return the vectors looked back at, float32 (up to ``length``, F), oldest first."""
        return self._history.copy()

    def restore(self, state: NDArray[np.float32]) -> None:
        """Go on from a saved state; what follows is bit-equal to never having stopped.

        Raises:
            ValueError: the state is of another shape than ``state`` returns.
        """
        most, width = self._spec.length, self._history.shape[1]
        if state.ndim != self._history.ndim or state.shape[1] != width or len(state) > most:
            raise ValueError(
                f"the denoiser's state must have the shape (at most {most}, {width}): "
                f"found {state.shape}"
            )
        self._history = np.array(state, np.float32)


class _Shrinker:
    """Denoises the last of n values."""

    def __init__(self, spec: DenoiseSpec, n: int) -> None:
        self.n = n
        self._levels = min(spec.level, _possible_levels(spec, n))
        if self._levels == 0:
            return
        import pywt

        parts = pywt.wavedec(np.eye(n), spec.wavelet, mode=spec.mode, level=self._levels, axis=0)
        analysis = np.concatenate(parts)
        ends = np.cumsum([len(part) for part in parts])
        each = np.split(np.eye(len(analysis)), ends[:-1])
        synthesis = pywt.waverec(each, spec.wavelet, mode=spec.mode, axis=0)[n - 1]
        self._analysis = analysis.astype(np.float32)
        self._synthesis = synthesis.astype(np.float32)
        self._details = slice(len(parts[0]), None)
        self._finest = slice(int(ends[-2]), None)
        self._strength = np.float32(math.sqrt(2 * math.log(n)) / _MAD_TO_SIGMA)

    def newest(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the denoised last of ``values``, float32 (n, F), as float32 (F,)."""
        if self._levels == 0:
            newest: NDArray[np.float32] = values[-1].copy()
            return newest
        coefficients = self._analysis @ values
        threshold = self._strength * _median(np.abs(coefficients[self._finest]))
        details = coefficients[self._details]
        # Soft thresholding: what exceeds the threshold on either side, else 0.
        details -= np.clip(details, -threshold, threshold)
        result: NDArray[np.float32] = self._synthesis @ coefficients
        return result


def _median(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median of each column; numpy's own takes ten times as long on so few."""
    ordered = np.sort(values, axis=0)
    half = len(ordered) // 2
    middle: NDArray[np.float32] = (ordered[half] + ordered[-1 - half]) * np.float32(0.5)
    return middle


def _possible_levels(spec: DenoiseSpec, n: int) -> int:
    """Return how many levels n values allow before the filter is longer than what it filters."""
    import pywt

    return pywt.dwt_max_level(n, pywt.Wavelet(spec.wavelet).dec_len)
