"""How residuals of a healthy machine are distributed."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.choices import ScorerChoice
from edge_agent.calibration.pca import fit_pca
from edge_agent.calibration.scaler import robust_location_scale
from edge_agent.pipeline.scorer import ScorerSpec

_LEAST_SCALE = 1e-6  # a perfect forecast has no spread to divide by
_LEAST_BAND = 0.1  # of the median width: a narrower band is luck


def fit_scorer(choice: ScorerChoice, residuals: NDArray[np.floating[Any]]) -> ScorerSpec:
    """Return the scorer for healthy ``residuals``, float (n, rows, targets)."""
    e = residuals.astype(np.float64)
    if choice.kind == "pca":
        return fit_pca(choice, e.reshape(-1, e.shape[2]))
    if choice.kind == "mahalanobis":
        return _robust_distance(choice, e.reshape(-1, e.shape[2]))
    if choice.kind == "log_density":
        return _log_density(choice, e.reshape(-1, e.shape[2]))
    if choice.kind == "horizon_mahalanobis":
        return _horizon_distance(choice, e)
    scale: tuple[float, ...] = ()
    least = max(choice.scale_floor, _LEAST_SCALE)
    if choice.kind == "band_excess":
        width = np.median(np.maximum(e[:, 0] - e[:, -1], 0.0), axis=0)
        scale = _floats(np.maximum(_LEAST_BAND * width, least))
    elif choice.kind == "product":
        scale = _floats(np.maximum(np.abs(e).max(axis=0).T.reshape(-1), least))
    return ScorerSpec(kind=choice.kind, scale=scale, offset=choice.offset, upward=choice.upward)


def _robust_distance(choice: ScorerChoice, e: NDArray[np.float64]) -> ScorerSpec:
    _, scale = robust_location_scale(e)
    scale = np.maximum(scale, choice.scale_floor)
    u = np.clip(e / scale, -4.0, 4.0)  # a few wild windows must not shape the correlation
    covariance = u.T @ u / len(u)
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-9))
    correlation = covariance / np.outer(deviation, deviation)
    return ScorerSpec(
        kind="mahalanobis",
        mean=(0.0,)
        * e.shape[1],  # a healthy bias is the network's fault; it must not hide a real one
        scale=_floats(scale),
        precision=_rows(np.linalg.inv(_shrunk(correlation, choice, len(e)))),
        cap=choice.cap,
        offset=choice.offset,
    )


def _log_density(choice: ScorerChoice, e: NDArray[np.float64]) -> ScorerSpec:
    """Take mean and covariance of largest likelihood."""
    mean, scale, correlation = _moments(choice, e)
    _, log_determinant = np.linalg.slogdet(correlation)
    log_volume = float(np.log(scale).sum() + 0.5 * log_determinant)
    return ScorerSpec(
        kind="log_density",
        mean=_floats(mean),
        scale=_floats(scale),
        precision=_rows(np.linalg.inv(correlation)),
        cap=choice.cap,
        offset=choice.offset,
        log_peak=-0.5 * e.shape[1] * math.log(2.0 * math.pi) - log_volume,
    )


def _horizon_distance(choice: ScorerChoice, e: NDArray[np.float64]) -> ScorerSpec:
    """Take mean and covariance of each target's errors at all horizons, e (n, H, targets)."""
    found = [_moments(choice, e[:, :, target]) for target in range(e.shape[2])]
    return ScorerSpec(
        kind="horizon_mahalanobis",
        mean=_floats(np.concatenate([mean for mean, _, _ in found])),
        scale=_floats(np.concatenate([scale for _, scale, _ in found])),
        precision=_rows(np.concatenate([np.linalg.inv(c) for _, _, c in found])),
        cap=choice.cap,
        offset=choice.offset,
    )


def _moments(
    choice: ScorerChoice, e: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return mean (d,), standard deviation (d,) and correlation (d, d) of e (n, d)."""
    mean = e.mean(axis=0)
    scale = np.maximum(e.std(axis=0), max(choice.scale_floor, _LEAST_SCALE))
    u = (e - mean) / scale
    return mean, scale, _shrunk(u.T @ u / len(u), choice, len(u))


def _shrunk(correlation: NDArray[np.float64], choice: ScorerChoice, n: int) -> NDArray[np.float64]:
    d = len(correlation)
    share = max(choice.shrinkage, d / (n + d))
    mixed: NDArray[np.float64] = (1.0 - share) * correlation + share * np.eye(d)
    return mixed


def _floats(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(v) for v in values)


def _rows(matrix: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    return tuple(_floats(row) for row in matrix)
