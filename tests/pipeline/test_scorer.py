import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.pipeline.scorer import Scorer, ScorerSpec

RNG = np.random.default_rng(3)
MIXING = RNG.standard_normal((5, 5))
HEALTHY = RNG.standard_normal((400, 5)) @ MIXING + 0.5
MEAN = HEALTHY.mean(axis=0)
SCALE = HEALTHY.std(axis=0, ddof=1)
PRECISION = np.linalg.inv(np.corrcoef(HEALTHY.T))

MAHALANOBIS = ScorerSpec(
    kind="mahalanobis",
    mean=tuple(MEAN.tolist()),
    scale=tuple(SCALE.tolist()),
    precision=tuple(tuple(row) for row in PRECISION.tolist()),
)
SPECS = [ScorerSpec(kind="absolute_error"), ScorerSpec(kind="squared_error"), MAHALANOBIS]


def residuals(rows: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((rows, 5)).astype(np.float32)


def test_absolute_error_is_the_mean_of_magnitudes() -> None:
    e = residuals(4)

    score, shares = Scorer(SPECS[0]).score(e)

    assert score == pytest.approx(np.abs(e).mean())
    np.testing.assert_allclose(shares, np.abs(e).sum(axis=0) / np.abs(e).sum(), rtol=1e-5)


def test_squared_error_is_the_mean_of_squares() -> None:
    e = residuals(4)

    score, shares = Scorer(SPECS[1]).score(e)

    assert score == pytest.approx((e.astype(float) ** 2).mean())
    np.testing.assert_allclose(shares, (e**2).sum(axis=0) / (e**2).sum(), rtol=1e-5)


def test_mahalanobis_agrees_with_a_solved_system_per_target() -> None:
    e = residuals(1)
    whitened = np.linalg.solve(np.linalg.cholesky(np.cov(HEALTHY.T)), e[0] - MEAN)

    score, _ = Scorer(MAHALANOBIS).score(e)

    assert score == pytest.approx(whitened @ whitened / 5, rel=1e-6)


def test_a_healthy_window_scores_about_one_by_mahalanobis() -> None:
    scorer = Scorer(MAHALANOBIS)

    scores = [scorer.score(row[None].astype(np.float32))[0] for row in HEALTHY]

    assert np.mean(scores) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.kind)
@given(
    seed=st.integers(0, 1000),
    rows=st.integers(1, 6),
    size=st.sampled_from([0.0, 1e-20, 1e-3, 1.0, 1e6]),
)
def test_shares_are_no_debt_and_sum_to_one(
    spec: ScorerSpec, seed: int, rows: int, size: float
) -> None:
    score, shares = Scorer(spec).score(residuals(rows, seed) * np.float32(size))

    assert shares.dtype == np.float32
    assert shares.shape == (5,)
    assert (shares >= 0).all()
    assert shares.sum() == pytest.approx(1.0, abs=1e-5)
    assert np.isfinite(score)
    assert score >= 0.0


def test_the_feature_that_is_off_has_the_largest_share() -> None:
    for spec in SPECS[:2]:
        e = np.full((1, 5), 0.1, np.float32)
        e[0, 3] = -4.0
        assert int(Scorer(spec).score(e)[1].argmax()) == 3


def test_a_wild_residual_counts_no_more_than_the_cap() -> None:
    scorer = Scorer(msgspec.structs.replace(MAHALANOBIS, cap=4.0))
    at_cap = (MEAN + 4.0 * SCALE * np.array([0, 1, 0, 0, 0])).astype(np.float32)[None]
    wild = at_cap.copy()
    wild[0, 1] = 1e9

    assert scorer.score(wild)[0] == pytest.approx(scorer.score(at_cap)[0], rel=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean": []},
        {"scale": [1.0]},
        {"scale": [1.0, 0.0]},
        {"mean": [0.0]},
        {"precision": [[1.0, 0.0], [0.0]]},
        {"precision": [[1.0, 0.0]]},
    ],
)
def test_a_distance_without_its_matrix_is_refused(wrong: dict[str, object]) -> None:
    right = {
        "kind": "mahalanobis",
        "mean": [0.0, 0.0],
        "scale": [1.0, 2.0],
        "precision": [[1.0, 0.0], [0.0, 1.0]],
    }
    msgspec.convert(right, ScorerSpec)

    with pytest.raises(msgspec.ValidationError, match=r"scorer\.scale"):
        msgspec.convert(right | wrong, ScorerSpec)
