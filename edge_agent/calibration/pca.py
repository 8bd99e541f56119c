"""Principal components of healthy residuals, as the matrix of one quadratic form.

With P the components in use, L their variances and u the residuals in standard deviations:
T2 = u' P L^-1 P' u is the distance within the plane of the components (Hotelling 1933), SPE =
u' (I - P P') u the squared distance from it (Jackson and Mudholkar, "Control procedures for
residuals associated with principal component analysis", Technometrics 21, 1979). ``combined`` is
their sum, each over its control limit (Yue and Qin, "Reconstruction-based fault identification
using a combined index", Ind. Eng. Chem. Res. 40, 2001, equation 14).
"""

import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.choices import ScorerChoice
from edge_agent.pipeline.scorer import ScorerSpec

_LIMIT = 0.99  # quantile of the healthy windows that an index' control limit is, no law assumed
_TINY = 1e-9


def fit_pca(choice: ScorerChoice, residuals: NDArray[np.float64]) -> ScorerSpec:
    """Return the scorer of the chosen index for healthy ``residuals``, float64 (n, targets).

    The components in use are the fewest that hold ``choice.retained`` of the variance; at least
    one is left out where the distance from their plane is asked for. A single number has no such
    distance: its T2 is taken.
    """
    mean, deviation = residuals.mean(axis=0), residuals.std(axis=0)
    scale = np.where(deviation > _TINY, deviation, 1.0)
    u = (residuals - mean) / scale
    n, d = u.shape
    variances, vectors = np.linalg.eigh(u.T @ u / n)
    variances, vectors = np.maximum(variances[::-1], 0.0), vectors[:, ::-1]
    total = max(float(variances.sum()), _TINY)
    count = 1 + int(np.searchsorted(np.cumsum(variances) / total, choice.retained))
    count = min(count, d if choice.index == "t2" or d == 1 else d - 1)
    used = vectors[:, :count]
    within = used @ np.diag(1.0 / np.maximum(variances[:count], _TINY)) @ used.T
    beside = np.eye(d) - used @ used.T
    if choice.index == "t2" or d == 1:
        matrix = within
    elif choice.index == "spe":
        matrix = beside
    else:
        matrix = _over_limit(within, u) + _over_limit(beside, u)
    return ScorerSpec(
        kind="mahalanobis",
        mean=tuple(float(v) for v in mean),
        scale=tuple(float(v) for v in scale),
        # the scorer divides by the number of targets
        precision=tuple(tuple(float(v) for v in row) for row in matrix * d),
        cap=choice.cap,
        offset=choice.offset,
    )


def _over_limit(matrix: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``matrix`` so that its healthy control limit is 1."""
    limit = float(np.quantile(np.einsum("ij,jk,ik->i", u, matrix, u), _LIMIT))
    return matrix / max(limit, _TINY)
