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
SPECS = [
    ScorerSpec(kind="absolute_error"),
    ScorerSpec(kind="squared_error"),
    MAHALANOBIS,
    msgspec.structs.replace(MAHALANOBIS, kind="log_density", log_peak=-3.0),
    ScorerSpec(kind="interval_width"),
    ScorerSpec(kind="band_excess", scale=(0.1,) * 5),
]


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


def test_log_density_is_that_of_the_normal_distribution_from_its_peak() -> None:
    e = residuals(1)
    covariance = np.cov(HEALTHY.T)
    peak = -0.5 * np.linalg.slogdet(2.0 * np.pi * covariance)[1]
    centred = e[0] - MEAN
    density = peak - 0.5 * centred @ np.linalg.inv(covariance) @ centred
    spec = msgspec.structs.replace(MAHALANOBIS, kind="log_density", log_peak=float(peak))

    score, shares = Scorer(spec).score(e)

    assert score == pytest.approx(peak - density, rel=1e-6)
    assert Scorer(spec).score(MEAN[None].astype(np.float32))[0] == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(shares, Scorer(MAHALANOBIS).score(e)[1])


def test_errors_at_all_horizons_are_one_vector_of_each_target() -> None:
    healthy = RNG.standard_normal((300, 3, 2)) * (1.0, 4.0) + 0.2
    mean, scale = healthy.mean(axis=0), healthy.std(axis=0)
    correlations = [np.corrcoef(healthy[:, :, target].T) for target in (0, 1)]
    precision = np.concatenate([np.linalg.inv(c) for c in correlations])
    spec = ScorerSpec(
        kind="horizon_mahalanobis",
        mean=tuple(mean.T.reshape(-1).tolist()),
        scale=tuple(scale.T.reshape(-1).tolist()),
        precision=tuple(tuple(row) for row in precision.tolist()),
    )
    e = healthy[0].astype(np.float32)

    score, shares = Scorer(spec).score(e)

    distances = []
    for target in (0, 1):
        u = (e[:, target] - mean[:, target]) / scale[:, target]
        distances.append(u @ np.linalg.inv(correlations[target]) @ u / 3)
    assert score == pytest.approx(np.mean(distances), rel=1e-5)
    np.testing.assert_allclose(shares, distances / np.sum(distances), rtol=1e-5)


def test_interval_width_is_that_of_the_outermost_quantiles() -> None:
    x = np.array([1.0, 5.0])
    quantiles = np.array([[0.0, 7.0], [0.5, 6.0], [2.0, 6.5]])  # the second target's cross

    score, shares = Scorer(ScorerSpec(kind="interval_width")).score((x - quantiles).astype("f4"))

    assert score == pytest.approx(1.0)
    np.testing.assert_allclose(shares, [1.0, 0.0])


@pytest.mark.parametrize(("x", "excess"), [(1.0, 0.0), (4.0, 1.0), (-4.0, 2.0), (2.0, 0.0)])
def test_band_excess_is_the_distance_from_the_band_in_widths(x: float, excess: float) -> None:
    quantiles = np.array([[0.0], [1.0], [2.0]])
    spec = ScorerSpec(kind="band_excess", scale=(0.5,))

    assert Scorer(spec).score((x - quantiles).astype("f4"))[0] == pytest.approx(excess)


def test_a_band_narrower_than_the_scale_counts_as_wide_as_that() -> None:
    spec = ScorerSpec(kind="band_excess", scale=(0.5,))

    assert Scorer(spec).score(np.full((3, 1), 1.0, "f4"))[0] == pytest.approx(2.0)


def test_a_product_takes_both_rows_to_be_off() -> None:
    spec = ScorerSpec(kind="product", scale=(1.0, 2.0, 1.0, 2.0))
    one, both = np.zeros((2, 2), np.float32), np.full((2, 2), 2.0, np.float32)
    one[0] = 2.0

    assert Scorer(spec).score(one)[0] == pytest.approx(2.0)
    assert Scorer(spec).score(both)[0] == pytest.approx(3.0 * 2.0 - 1.0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "band_excess"}, "scorer.scale is empty"),
        ({"kind": "absolute_error", "log_peak": 1.0}, "scorer.log_peak"),
        ({"kind": "log_density", "mean": [0.0], "scale": [1.0], "precision": [[1.0]]}, "log_peak"),
        (
            {
                "kind": "horizon_mahalanobis",
                "mean": [0.0] * 3,
                "scale": [1.0] * 3,
                "precision": [[1.0, 0.0]] * 3,
            },
            "scorer.precision",
        ),
    ],
)
def test_a_scorer_that_lacks_what_it_needs_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(given, ScorerSpec)
