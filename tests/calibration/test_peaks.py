import numpy as np
import pytest
from scipy.stats import genpareto

from edge_agent.calibration.goodness import goodness_of_fit
from edge_agent.calibration.pareto import fit_pareto
from edge_agent.calibration.peaks import fit_peaks, return_level
from edge_agent.calibration.threshold import choose_threshold


@pytest.mark.parametrize("probability", [1e-3, 1e-4])
def test_a_window_exceeds_the_threshold_with_the_probability_asked_for(probability: float) -> None:
    rng = np.random.default_rng(1)
    scores = rng.exponential(size=20_000)

    found = choose_threshold(scores, "pot", probability)

    assert np.exp(-found.value) == pytest.approx(probability, rel=0.5)
    assert found.tail is not None
    assert found.tail.shape == pytest.approx(0.0, abs=0.15)
    assert found.tail.windows == 20_000


def test_neighbours_over_the_level_are_one_peak() -> None:
    scores = np.random.default_rng(2).uniform(size=2000)
    scores[[100, 103, 500]] = 50.0, 60.0, 40.0

    peaks = fit_peaks(scores).peaks

    assert peaks[-2:] == (40.0, 60.0)


def test_the_return_level_rises_to_the_largest_peaks() -> None:
    tail = fit_peaks(np.random.default_rng(3).exponential(size=10_000))

    # The i-th largest of N peaks in n windows returns in (n + 1) / i windows (Weibull).
    levels = [return_level(tail, 10_001 / i) for i in range(1, 21)]
    assert levels == sorted(levels, reverse=True)
    largest = sorted(tail.peaks, reverse=True)
    np.testing.assert_allclose(levels[5:], largest[5:20], rtol=0.1)
    assert return_level(tail, 1.0) == tail.level


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.3])
def test_excesses_of_the_distribution_itself_seldom_misfit(shape: float) -> None:
    rng = np.random.default_rng(4)
    found = []
    for _ in range(60):
        x = genpareto.rvs(shape, size=80, random_state=rng)
        found.append(goodness_of_fit(x, fit_pareto(x)).p_below)

    assert np.mean(np.array(found) < 0.05) < 0.15
    assert 0.25 < np.mean(np.array(found) >= 0.5) < 0.75


def test_excesses_of_something_else_misfit() -> None:
    x = np.abs(np.random.default_rng(5).normal(5.0, 0.5, size=200))

    assert goodness_of_fit(x, fit_pareto(x)).p_below < 0.025


def test_too_few_peaks_are_refused() -> None:
    with pytest.raises(ValueError, match="excesses"):
        choose_threshold(np.ones(100), "pot", 1e-3)


@pytest.mark.parametrize("block", [1, 10])
@pytest.mark.parametrize("p", [0.02, 0.1])
def test_exchangeable_blocks_exceed_a_conformal_threshold_no_more_often(
    p: float, block: int
) -> None:
    rng = np.random.default_rng(6)
    exceeded = []
    for _ in range(500):
        blocks = rng.lognormal(size=(100, block))
        found = choose_threshold(blocks[:-1].ravel(), "conformal", p, block=block)
        exceeded.append(blocks[-1].max() > found.value)

    assert np.mean(exceeded) <= p + 3.0 * np.sqrt(p / 500)
    assert np.mean(exceeded) >= p - 3.0 * np.sqrt(p / 500)


def test_a_conformal_threshold_states_the_smallest_p() -> None:
    scores = np.arange(1.0, 100.0)

    found = choose_threshold(scores, "conformal", 0.01)

    assert (found.value, found.smallest_p) == (99.0, 0.01)
    with pytest.raises(ValueError, match=r"0\.005, allowed: 0\.01 or more, .* 99 blocks of 1 "):
        choose_threshold(scores, "conformal", 0.005)
    with pytest.raises(ValueError, match="9 blocks of 11 "):
        choose_threshold(scores, "conformal", 0.05, block=11)
    with pytest.raises(ValueError, match="block is 0"):
        choose_threshold(scores, "conformal", 0.05, block=0)


def test_scores_left_over_before_the_first_block_do_not_count() -> None:
    scores = np.array([99.0, 1.0, 2.0, 3.0, 4.0])

    assert choose_threshold(scores, "conformal", 0.4, block=2).value == 4.0
