"""What the numbers of a feature vector are: level, shape or neither; told by their names."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.choices import ScalerChoice
from edge_agent.calibration.scaler import unit_scaler
from edge_agent.pipeline.scaler import ScalerSpec, Transform

# Features in proportion to the amplitude, the best measure of a level first.
AMPLITUDES = ("rms", "std", "mean_abs", "velocity_rms", "peak", "peak_to_peak")
_LEVELS = ("rms", "std", "mean_abs")
_RATIOS = ("crest_factor", "shape_factor", "impulse_factor", "clearance_factor")
BAND = "band_energy_"
EXCESS = 3.0  # excess kurtosis is above -2: with 3 added its logarithm exists


def split_name(name: str) -> tuple[str, str]:
    """Return (channel, feature) of a name such as ``b1_band_energy_3``."""
    known = (*AMPLITUDES, *_RATIOS, "kurtosis", "skewness", "mean")
    for feature in sorted(known, key=len, reverse=True):
        if name.endswith(f"_{feature}"):
            return name.removesuffix(f"_{feature}"), feature
    channel, found, number = name.rpartition(f"_{BAND}")
    return (channel, BAND + number) if found else (name, "")


def level_columns(names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the index of each channel's level feature: rms, or what comes closest to it.

    Empty where there is none: a series of other numbers has no level.
    """
    best: dict[str, int] = {}
    for feature in reversed(_LEVELS):
        for i, name in enumerate(names):
            channel, found = split_name(name)
            if found == feature:
                best[channel] = i
    return tuple(best.values())


def target_columns(targets: tuple[str, ...], names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the indices of the features to predict; all where none of them is there."""
    wanted = [i for i, name in enumerate(names) if split_name(name)[1] in targets]
    return tuple(wanted or range(len(names)))


def unscaled(
    choice: ScalerChoice, names: tuple[str, ...], vectors: NDArray[np.float32]
) -> ScalerSpec:
    """Return the chosen transforms of features ``names``, without offset and scale yet.

    ``log``: every number by its logarithm.
    ``shape``: amplitudes, ratios and band energies by their logarithm, kurtosis by that of
    kurtosis + 3 (excess), anything else as it is; band energies relative to the square of the
    channel's rms and amplitudes relative to it, so that one number tells the level and the others
    the shape.
    A number that is not above 0 in every healthy window is left as it is.
    """
    n = len(names)
    as_is: list[Transform] = ["identity"] * n
    plain = unit_scaler(choice.kind, tuple(as_is), choice.input_clip)
    if choice.transform == "identity":
        return plain
    if choice.transform == "log":
        positive: list[Transform] = [
            "log" if above else "identity" for above in (vectors > 0.0).all(axis=0)
        ]
        return msgspec.structs.replace(plain, transform=tuple(positive))
    columns = level_columns(names)
    level_of = {split_name(names[i])[0]: i for i in columns}
    transform: list[Transform] = []
    shift, reference, power = [0.0] * n, list(range(n)), [0.0] * n
    for i, name in enumerate(names):
        channel, feature = split_name(name)
        if feature == "kurtosis":
            shift[i] = EXCESS
        proportional = feature in AMPLITUDES or feature.startswith(BAND)
        logs = proportional or feature in _RATIOS or feature == "kurtosis"
        if not logs or not bool((vectors[:, i] + shift[i] > 0.0).all()):
            transform.append("identity")
            shift[i] = 0.0
            continue
        transform.append("log")
        if proportional and channel in level_of and level_of[channel] != i:
            reference[i] = level_of[channel]
            power[i] = 2.0 if feature.startswith(BAND) else 1.0
    # a level that was 0 has no logarithm to be relative to
    power = [p if transform[r] == "log" else 0.0 for p, r in zip(power, reference, strict=True)]
    return msgspec.structs.replace(
        plain,
        transform=tuple(transform),
        shift=tuple(shift),
        reference=tuple(reference),
        power=tuple(power),
    )
