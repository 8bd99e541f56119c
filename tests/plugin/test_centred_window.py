"""The sums that features share agree with their definitions."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.plugin import CentredWindow, Workspace


def skewed(length: int, scale: float = 1.0) -> NDArray[np.float32]:
    """Return two channels of asymmetric noise with an offset."""
    noise = np.random.default_rng(5).gamma(2.0, size=(length, 2))
    samples: NDArray[np.float32] = (scale * (noise + np.array([100.0, -3.0]))).astype(np.float32)
    return samples


def centred_exactly(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    exact = samples.astype(np.float64)
    centred: NDArray[np.float64] = (exact - exact.mean(axis=0)).T
    return centred


@pytest.mark.parametrize("length", [1, 7, 64, 20480])
def test_the_mean_is_removed_and_kept_as_bias(length: int) -> None:
    samples = skewed(length)
    window = CentredWindow(samples)
    assert window.bias == pytest.approx(samples.astype(np.float64).mean(axis=0), rel=1e-6)
    np.testing.assert_allclose(window.samples, centred_exactly(samples), atol=2e-5)
    assert window.samples.dtype == window.bias.dtype == np.float32
    assert window.samples.flags.c_contiguous


def test_the_given_samples_stay_as_they_were() -> None:
    samples = skewed(100)
    before = samples.copy()
    CentredWindow(samples)
    assert np.array_equal(samples, before)


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1.0, 1e8])
def test_the_shared_sums_are_what_they_say_in_any_unit(scale: float) -> None:
    samples = skewed(20480, scale)
    window, x = CentredWindow(samples), centred_exactly(samples)
    rms = np.sqrt((x * x).mean(axis=1))
    assert window.mean_absolute == pytest.approx(np.abs(x).mean(axis=1), rel=1e-5)
    assert window.mean_root == pytest.approx(np.sqrt(np.abs(x)).mean(axis=1), rel=1e-5)
    assert window.mean_square == pytest.approx((x * x).mean(axis=1), rel=1e-5)
    assert window.rms == pytest.approx(rms, rel=1e-5)
    assert window.peak == pytest.approx(np.abs(x).max(axis=1), rel=1e-5)
    assert window.highest == pytest.approx(x.max(axis=1), rel=1e-5)
    assert window.lowest == pytest.approx(x.min(axis=1), rel=1e-5)
    z = x / rms[:, None]
    expected = [(z * z * z).mean(axis=1), (z * z * z * z).mean(axis=1)]
    assert window.standardised_moments == pytest.approx(np.array(expected), abs=1e-4)
    assert np.array_equal(window.absolute, np.abs(window.samples))
    assert np.array_equal(window.squared, window.samples * window.samples)


def test_equal_samples_leave_exactly_nothing() -> None:
    window = CentredWindow(np.full((1000, 2), 0.1, np.float32))
    assert not window.samples.any()
    assert window.bias == pytest.approx(0.1)
    assert not window.standardised_moments.any()


def test_a_window_in_used_memory_is_as_in_fresh_memory() -> None:
    workspace = Workspace.of(500, 2)
    first = CentredWindow(skewed(500, 7.0), workspace)
    for name in ("mean_absolute", "mean_root", "standardised_moments"):
        getattr(first, name)
    again, fresh = CentredWindow(skewed(500), workspace), CentredWindow(skewed(500))
    for name in ("bias", "samples", "mean_root", "mean_absolute", "standardised_moments", "peak"):
        assert np.array_equal(getattr(again, name), getattr(fresh, name)), name


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 3e38])
def test_samples_that_are_not_finite_show_in_the_bias_of_their_channel(wrong: float) -> None:
    samples = skewed(100)
    samples[50:60, 1] = wrong
    window = CentredWindow(samples)
    assert np.isfinite(window.bias).tolist() == [True, False]
