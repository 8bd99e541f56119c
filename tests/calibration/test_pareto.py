import numpy as np
import pytest
from scipy.stats import genpareto

from edge_agent.calibration.pareto import Pareto, fit_pareto, log_likelihood


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.2, 0.6])
def test_shape_and_scale_of_simulated_excesses_are_found_again(shape: float) -> None:
    excesses = genpareto.rvs(shape, scale=2.5, size=4000, random_state=np.random.default_rng(3))

    found = fit_pareto(excesses)

    assert found.shape == pytest.approx(shape, abs=0.06)
    assert found.scale == pytest.approx(2.5, rel=0.06)


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.1, 0.5])
@pytest.mark.parametrize("n", [30, 300])
def test_the_fit_is_that_of_scipy(shape: float, n: int) -> None:
    excesses = genpareto.rvs(shape, scale=0.2, size=n, random_state=np.random.default_rng(n))
    other_shape, _, other_scale = genpareto.fit(excesses, floc=0)

    found = fit_pareto(excesses)

    assert found.shape == pytest.approx(other_shape, abs=2e-3)
    assert found.scale == pytest.approx(other_scale, rel=2e-3)
    logs = log_likelihood(excesses, np.array([found.shape]), np.array([found.scale]))
    assert logs[0] == pytest.approx(
        genpareto.logpdf(excesses, found.shape, scale=found.scale).sum(), rel=1e-9
    )


def test_few_excesses_have_a_fit_that_no_other_betters() -> None:
    excesses = np.array([0.1, 0.4, 0.2])
    found = fit_pareto(excesses)
    shape, scale = np.meshgrid(np.linspace(-0.5, 1.5, 81), np.geomspace(0.02, 3.0, 200))

    best = log_likelihood(excesses, np.array([found.shape]), np.array([found.scale]))[0]

    assert best >= log_likelihood(excesses, shape.ravel(), scale.ravel()).max() - 1e-6


@pytest.mark.parametrize("shape", [-0.4, 0.0, 1e-12, 0.3])
def test_survival_and_quantile_undo_each_other(shape: float) -> None:
    found, shares = Pareto(shape, 2.0), np.array([1.0, 0.5, 0.01, 1e-4])

    quantiles = found.quantile(shares)

    np.testing.assert_allclose(quantiles, genpareto.isf(shares, shape, scale=2.0), atol=1e-6)
    np.testing.assert_allclose(found.survival(quantiles), shares, rtol=1e-5)


def test_nothing_lies_behind_the_end_of_a_bounded_tail() -> None:
    assert Pareto(-0.5, 1.0).survival(np.array([1.9, 2.0, 3.0])) == pytest.approx([0.0025, 0, 0])


@pytest.mark.parametrize("excesses", [[], [1.0], [1.0, 0.0], [1.0, np.inf], [np.nan, 1.0]])
def test_what_is_no_excess_is_refused(excesses: list[float]) -> None:
    with pytest.raises(ValueError, match=r"allowed: 2 or more, finite, above 0"):
        fit_pareto(np.array(excesses))
