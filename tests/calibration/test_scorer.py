"""Scorers fitted to healthy residuals."""

from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.calibration.choices import ScorerChoice
from edge_agent.calibration.scorer import fit_scorer
from edge_agent.pipeline.scorer import Scorer


def _healthy(rows: int, targets: int, n: int = 4000) -> NDArray[np.float32]:
    rng = np.random.default_rng(2)
    mixing = rng.standard_normal((rows, rows))
    noise = np.einsum("ij,njt->nit", mixing, rng.standard_normal((n, rows, targets)))
    residuals: NDArray[np.float32] = (0.3 * noise + 0.1).astype(np.float32)
    return residuals


def _scores(kind: Any, residuals: NDArray[np.float32], **more: Any) -> NDArray[np.float64]:
    choice = msgspec.convert({"kind": kind} | more, ScorerChoice)
    scorer = Scorer(fit_scorer(choice, residuals))
    return np.array([scorer.score(rows)[0] for rows in residuals])


@pytest.mark.parametrize(("rows", "kind"), [(1, "mahalanobis"), (5, "horizon_mahalanobis")])
def test_a_healthy_window_is_about_one_away(rows: int, kind: str) -> None:
    residuals = _healthy(rows, 3)
    centred = residuals - residuals.mean(axis=0)  # a bias counts in the plain distance
    assert np.mean(_scores(kind, centred)) == pytest.approx(1.0, abs=0.15)


def test_every_row_of_a_window_counts_in_a_distance_over_time() -> None:
    rows = _healthy(1, 3).reshape(-1, 4, 3)
    flat = fit_scorer(ScorerChoice(kind="mahalanobis"), rows.reshape(-1, 1, 3))
    assert fit_scorer(ScorerChoice(kind="mahalanobis"), rows) == flat


def test_log_density_is_half_a_squared_distance_in_one_dimension() -> None:
    residuals = _healthy(1, 1)
    e = residuals[:, 0, 0].astype(np.float64)
    expected = 0.5 * ((e - e.mean()) / e.std()) ** 2
    np.testing.assert_allclose(_scores("log_density", residuals), expected, rtol=1e-6)
    spec = fit_scorer(ScorerChoice(kind="log_density"), residuals)
    assert spec.log_peak == pytest.approx(-np.log(e.std() * np.sqrt(2.0 * np.pi)))


def test_a_product_of_healthy_errors_is_at_most_three() -> None:
    # each factor is at most 2 where the scale is the largest healthy error
    assert np.max(_scores("product", _healthy(2, 1))) <= 3.0


def test_a_band_is_held_to_a_tenth_of_its_usual_width() -> None:
    bands = np.tile(np.array([[1.0], [0.0], [-1.0]], np.float32), (9, 1, 1))
    bands[0] = 0.0
    assert fit_scorer(ScorerChoice(kind="band_excess"), bands).scale == pytest.approx((0.2,))


@pytest.mark.parametrize("kind", ["log_density", "horizon_mahalanobis", "product", "band_excess"])
def test_a_perfect_forecast_leaves_a_scorer_that_can_divide(kind: str) -> None:
    perfect = np.zeros((50, 3, 2), np.float32)
    rows = perfect[:, :1] if kind == "log_density" else perfect
    assert np.isfinite(_scores(kind, rows)).all()
