"""How residuals of a healthy machine are distributed."""

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.choices import ScorerChoice
from edge_agent.calibration.scaler import robust_location_scale
from edge_agent.pipeline.scorer import ScorerSpec


def fit_scorer(choice: ScorerChoice, residuals: NDArray[np.float32]) -> ScorerSpec:
    """Return the scorer for healthy ``residuals``, float32 (n, targets)."""
    if choice.kind != "mahalanobis":
        return ScorerSpec(kind=choice.kind)
    _, scale = robust_location_scale(residuals.astype(np.float64))
    scale = np.maximum(scale, choice.scale_floor)
    n, d = residuals.shape
    u = np.clip(residuals / scale, -4.0, 4.0)  # a few wild windows must not shape the correlation
    covariance = u.T @ u / n
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-9))
    correlation = covariance / np.outer(deviation, deviation)
    share = max(choice.shrinkage, d / (n + d))
    precision = np.linalg.inv((1.0 - share) * correlation + share * np.eye(d))
    return ScorerSpec(
        kind=choice.kind,
        mean=(0.0,) * d,  # a healthy bias is the network's fault and must not hide a real one
        scale=tuple(float(v) for v in scale),
        precision=tuple(tuple(float(v) for v in row) for row in precision),
        cap=choice.cap,
        offset=choice.offset,
    )
