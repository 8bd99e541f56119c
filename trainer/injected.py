"""Faults put into healthy vectors, to choose a detector by where no failure may be looked at.

Sizes are in healthy robust scales of the number that the fault shows in, so that a size is equally
hard to see on every machine: at 1 a single window tells nothing.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.kinds import AMPLITUDES, BAND, EXCESS, level_columns, split_name
from edge_agent.calibration.scaler import robust_location_scale

FaultKind = Literal["louder", "spectrum", "impulsive", "shifted"]

_TINY = 1e-12


def possible_faults(names: tuple[str, ...]) -> tuple[FaultKind, ...]:
    """Return the kinds that vectors of features ``names`` can show."""
    kinds: list[FaultKind] = []
    known = {split_name(name)[1] for name in names}
    if level_columns(names):
        kinds.append("louder")
    if sum(name.startswith(BAND) for name in known) > 1:
        kinds.append("spectrum")
    if "kurtosis" in known:
        kinds.append("impulsive")
    return tuple(kinds) or ("shifted",)


def inject(
    vectors: NDArray[np.float32],
    names: tuple[str, ...],
    kind: FaultKind,
    size: NDArray[np.float64],
    healthy: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return ``vectors``, float32 (n, F), as a fault would have made them.

    ``louder``: something broadband is added to the first channel: amplitudes rise together, band
    energies with their square. ``spectrum``: one band of it gains what the others lose, its rms
    stays. ``impulsive``: its kurtosis rises and its peak with it, rms stays. ``shifted``: the first
    number moves, for series that are no vibration.

    Args:
        vectors: healthy vectors to be spoilt.
        names: of their numbers.
        kind: of fault, one of ``possible_faults(names)``.
        size: of the fault in each window, float64 (n,), in healthy robust scales; 0 is none.
        healthy: vectors that the scales are taken from, float32 (m, F).

    Raises:
        ValueError: the vectors cannot show this kind of fault.
    """
    if kind not in possible_faults(names):
        allowed = ", ".join(possible_faults(names))
        raise ValueError(f"fault {kind} in vectors of {list(names)}, allowed: {allowed}")
    spoilt = vectors.astype(np.float64)
    channel = split_name(names[_shown_by(names, kind)])[0]
    own = {split_name(n)[1]: i for i, n in enumerate(names) if split_name(n)[0] == channel}
    if kind == "shifted":
        spoilt[:, 0] += size * _scale(healthy[:, 0])
    elif kind == "louder":
        level = level_columns(names)[0]
        rise = np.exp(size * _log_scale(healthy[:, level]))
        for feature, i in own.items():
            if feature in AMPLITUDES:
                spoilt[:, i] *= rise
            elif feature.startswith(BAND):
                spoilt[:, i] *= rise**2
    elif kind == "impulsive":
        i = own["kurtosis"]
        rise = np.exp(size * _log_scale(healthy[:, i] + EXCESS))
        spoilt[:, i] = (spoilt[:, i] + EXCESS) * rise - EXCESS
        for feature in ("peak", "peak_to_peak", "crest_factor"):
            if feature in own:  # the fourth power of the peak carries the kurtosis
                spoilt[:, own[feature]] *= rise**0.25
    else:
        bands = [i for feature, i in own.items() if feature.startswith(BAND)]
        _move_energy(spoilt, bands, size, healthy)
    return spoilt.astype(np.float32)


def _shown_by(names: tuple[str, ...], kind: FaultKind) -> int:
    """Return the index of a number of the first channel that can show the fault."""
    if kind == "louder":
        return level_columns(names)[0]
    wanted = {"spectrum": BAND, "impulsive": "kurtosis", "shifted": ""}[kind]
    return next(i for i, n in enumerate(names) if split_name(n)[1].startswith(wanted))


def _move_energy(
    vectors: NDArray[np.float64],
    bands: list[int],
    size: NDArray[np.float64],
    healthy: NDArray[np.float32],
) -> None:
    """Let the band of median energy gain and take it from the others, in place."""
    order = np.argsort(np.median(healthy[:, bands], axis=0))
    gaining = bands[order[len(bands) // 2]]
    others = [i for i in bands if i != gaining]
    before = vectors[:, bands].sum(axis=1)
    vectors[:, gaining] *= np.exp(size * _log_scale(healthy[:, gaining]))
    left = np.maximum(before - vectors[:, gaining], _TINY)
    vectors[:, others] *= (left / np.maximum(vectors[:, others].sum(axis=1), _TINY))[:, None]


def _log_scale(values: NDArray[np.float32]) -> float:
    return _scale(np.log(np.maximum(np.abs(values), _TINY)))


def _scale(values: NDArray[np.floating[Any]]) -> float:
    _, (scale,) = robust_location_scale(values.astype(np.float64)[:, None])
    return float(scale)
