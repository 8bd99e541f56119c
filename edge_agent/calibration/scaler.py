"""Location and scale of the healthy period, for a scaler that was told its transforms."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.scaler import Scaler, ScalerSpec, Transform

LEAST_LOG_SCALE = 2e-3  # 0.2 % is less than any sensor repeats
_CONSTANT = 1e-6  # a healthy feature that varies less than this is constant: scale 1


def fit_scaler(
    vectors: NDArray[np.float32], unscaled: ScalerSpec, *, widen: float = 1.0
) -> ScalerSpec:
    """Choose offset and scale of ``unscaled`` from healthy ``vectors``, float32 (n, F).

    Args:
        vectors: healthy feature vectors, all finite.
        unscaled: the transforms, with offset 0 and scale 1.
        widen: the scales are multiplied by this.
    """
    y = Scaler(unscaled).scale(vectors).astype(np.float64)
    if unscaled.kind == "standard":
        offset, scale = y.mean(axis=0), y.std(axis=0)
    elif unscaled.kind == "min_max":
        offset, scale = y.min(axis=0), np.ptp(y, axis=0)
    else:
        offset, scale = robust_location_scale(y)
    logs = np.array([t == "log" for t in unscaled.transform])
    scale = np.where(logs, np.maximum(scale, LEAST_LOG_SCALE), scale)
    scale = np.where(scale < _CONSTANT, 1.0, scale * widen)
    return msgspec.structs.replace(
        unscaled,
        offset=tuple(float(v) for v in offset),
        scale=tuple(float(v) for v in scale),
    )


def robust_location_scale(
    y: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return median and scale of the columns of y, float64 (n, F).

    The scale is the larger of (q75 - q25) / 1.349 and (q95 - q5) / 3.29, which both are the
    standard deviation of normal numbers: the second sees a spread that the quartiles do not.
    """
    q5, q25, q50, q75, q95 = np.quantile(y, (0.05, 0.25, 0.5, 0.75, 0.95), axis=0)
    return q50, np.maximum((q75 - q25) / 1.349, (q95 - q5) / 3.29)


def unit_scaler(
    kind: Literal["standard", "min_max", "robust"],
    transform: tuple[Transform, ...],
    input_clip: float | None = None,
) -> ScalerSpec:
    """Return a scaler that only transforms, for ``fit_scaler`` to complete."""
    n = len(transform)
    return ScalerSpec(
        kind=kind,
        transform=transform,
        offset=(0.0,) * n,
        scale=(1.0,) * n,
        input_clip=input_clip,
    )
