"""The nonparametric dynamic threshold, in the form that looks back only.

Hundman et al. 2018 (arXiv 1802.04431), section 3.2: over the last scores the threshold is
epsilon = mean + z * deviation of the z whose removal of what lies above it lowers mean and
deviation most, for the fewest sequences and points. What was published judges a batch after it has
come, drops also what is unusually low, and compares errors with the range of the signal; here the
newest score is judged when it comes, a low score is a good forecast, and where nothing stands out
the threshold is the one for z = 12.
"""

from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

_Z = np.arange(2.5, 12.0, 0.5)
_LARGEST_Z = 12.0
_MOST_SEQUENCES = 5
_MOST_SHARE = 0.5
_MOST_SCORES = 100_000  # kept in memory and in the saved state


class DynamicSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the threshold follows the scores.

    Attributes:
        length: scores that it is taken from.
        every: scores after which it is taken again; from the first so many on.
        padding: scores on either side of one above epsilon that belong to its sequence.
        prune: a sequence stands out where its peak lies this share above the next smaller one.
    """

    length: int = 2100
    every: int = 70
    padding: int = 100
    prune: float = 0.13

    def __post_init__(self) -> None:
        """Refuse what takes a threshold from nothing. Raises ValueError."""
        if not 1 <= self.every <= self.length <= _MOST_SCORES:
            raise ValueError(
                f"dynamic.every is {self.every} and dynamic.length {self.length},"
                f" allowed: 1 to dynamic.length, and that to {_MOST_SCORES}"
            )
        if self.padding < 0 or not 0.0 <= self.prune < 1.0:
            raise ValueError(
                f"dynamic.padding is {self.padding} and dynamic.prune {self.prune}, allowed: 0 or"
                " more, and 0 to below 1"
            )


def dynamic_threshold(scores: NDArray[np.float64], spec: DynamicSpec) -> float:
    """Return the threshold over ``scores``, float64 (n,), oldest first, n at least 1.

    Where pruning takes a sequence back, the threshold is its peak: a score as high as it is still
    normal.
    """
    mean, deviation = float(scores.mean()), float(scores.std())
    epsilon = mean + _LARGEST_Z * deviation
    if deviation <= 0.0 or mean <= 0.0:
        return epsilon
    best = 0.0
    for z in _Z:
        candidate = mean + float(z) * deviation
        above = scores > candidate
        if not above.any():
            break
        sequences, points = _sequences(above, spec.padding)
        if len(sequences) > _MOST_SEQUENCES or points >= _MOST_SHARE * len(scores):
            continue
        below = scores[~above]
        gain = (mean - below.mean()) / mean + (deviation - below.std()) / deviation
        merit = float(gain) / (len(sequences) ** 2 + points)
        if merit >= best:
            best, epsilon = merit, candidate
    return max(epsilon, _pruned(scores, epsilon, spec))


def _sequences(above: NDArray[np.bool_], padding: int) -> tuple[list[tuple[int, int]], int]:
    """Return the padded runs [first, last) of what is above, and how many points they hold."""
    found: list[tuple[int, int]] = []
    for index in np.flatnonzero(above).tolist():
        first, last = max(0, index - padding), min(len(above), index + padding + 1)
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], last
        else:
            found.append((first, last))
    return found, sum(last - first for first, last in found)


def _pruned(scores: NDArray[np.float64], epsilon: float, spec: DynamicSpec) -> float:
    """Return the highest peak that does not stand out from the next smaller; 0 where all do."""
    sequences, _ = _sequences(scores > epsilon, spec.padding)
    normal = np.ones(len(scores), dtype=np.bool_)
    for first, last in sequences:
        normal[first:last] = False
    peaks = sorted((float(scores[a:b].max()) for a, b in sequences), reverse=True)
    rest = float(scores[normal].max()) if normal.any() else 0.0
    kept = 0
    for position, (peak, smaller) in enumerate(pairwise([*peaks, rest]), 1):
        if (peak - smaller) / peak >= spec.prune:
            kept = position
    return peaks[kept] if kept < len(peaks) else 0.0
