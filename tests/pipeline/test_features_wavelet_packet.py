"""The banded product gives the band energies that PyWavelets gives."""

import numpy as np
import pytest
import pywt
from numpy.typing import NDArray

from edge_agent.pipeline.features.wavelet_packet import BandEnergies, packet_matrix
from edge_agent.plugin import CentredWindow, FeatureError, FeatureInput, NoOptions


def energies(window: CentredWindow, length: int) -> NDArray[np.float32]:
    given = FeatureInput(length, None, None, tuple("abcd"[: len(window.samples)]))
    values = BandEnergies(NoOptions(), given).compute(window)
    assert values.shape == (len(window.samples), 8)
    assert values.dtype == np.float32
    return values


def by_pywavelets(row: NDArray[np.float32]) -> list[float]:
    tree = pywt.WaveletPacket(row.astype(np.float64), "db4", mode="periodization", maxlevel=3)
    return [float(np.sum(leaf.data**2)) / len(row) for leaf in tree.get_level(3, "freq")]


def noise(length: int, channels: int = 2) -> NDArray[np.float32]:
    white = np.random.default_rng(length).standard_normal((length, channels))
    return (white + 0.3).astype(np.float32)


LENGTHS = [16, 24, 56, 64, 72, 88, 96, 104, 128, 1000, 1024, 2560, 20480]


@pytest.mark.parametrize("length", LENGTHS)
def test_energies_are_those_of_pywavelets(length: int) -> None:
    window = CentredWindow(noise(length))
    for values, row in zip(energies(window, length), window.samples, strict=True):
        assert values == pytest.approx(by_pywavelets(row), rel=1e-4)


def test_a_weak_band_beside_a_strong_one_is_as_exact() -> None:
    time = np.arange(20480)
    low = np.sin(2 * np.pi * 0.01 * time) + np.sin(2 * np.pi * 0.02 * time)
    faint = 1e-4 * np.random.default_rng(1).standard_normal(20480)
    window = CentredWindow((low + faint).astype(np.float32)[:, None])
    expected = by_pywavelets(window.samples[0])
    assert max(expected) > 1e6 * min(expected)
    assert energies(window, 20480)[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("length", LENGTHS)
def test_energies_add_up_to_the_mean_square(length: int) -> None:
    window = CentredWindow(noise(length))
    assert energies(window, length).sum(axis=1) == pytest.approx(window.mean_square, rel=1e-5)


@pytest.mark.parametrize("band", range(8))
def test_bands_are_in_order_of_frequency(band: int) -> None:
    tone = np.sin(2 * np.pi * (band + 0.5) / 16 * np.arange(4096))
    window = CentredWindow(tone.astype(np.float32)[:, None])
    assert int(np.argmax(energies(window, 4096)[0])) == band


@pytest.mark.parametrize("length", [9, 15, 63, 65, 71, 1025, 20487])
def test_a_length_that_is_no_multiple_of_8_loses_the_last_samples(length: int) -> None:
    window = CentredWindow(noise(length))
    used = window.samples[:, : length - length % 8]
    for values, row in zip(energies(window, length), used, strict=True):
        assert values == pytest.approx(by_pywavelets(row), rel=1e-3, abs=1e-9)


def test_the_window_is_continued_periodically() -> None:
    row = noise(1024, 1)
    moved = np.roll(row, 8, axis=0)
    expected = energies(CentredWindow(row), 1024)
    assert energies(CentredWindow(moved), 1024) == pytest.approx(expected, rel=1e-5)


def test_a_flat_window_has_no_energy() -> None:
    assert not energies(CentredWindow(np.full((100, 2), 3.3, np.float32)), 100).any()


@pytest.mark.parametrize("length", [8, 16, 24, 40, 128])
def test_the_transform_is_that_of_pywavelets(length: int) -> None:
    tree = pywt.WaveletPacket(np.eye(length), "db4", mode="periodization", maxlevel=3, axis=1)
    expected = np.concatenate([leaf.data.T for leaf in tree.get_level(3, "freq")])
    assert packet_matrix(length) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("length", [8, 40, 128])
def test_the_transform_is_orthogonal(length: int) -> None:
    matrix = packet_matrix(length)
    assert matrix @ matrix.T == pytest.approx(np.eye(length), abs=1e-12)


def test_windows_shorter_than_8_are_refused() -> None:
    with pytest.raises(FeatureError, match="at least 8 samples: found 7"):
        BandEnergies(NoOptions(), FeatureInput(7, None, None, ("x",)))


def test_one_instance_serves_window_after_window() -> None:
    feature = BandEnergies(NoOptions(), FeatureInput(1000, None, None, ("x",)))
    windows = [CentredWindow(noise(1000, 1) * np.float32(scale)) for scale in (1, 100, 1)]
    first, _, again = [feature.compute(window) for window in windows]
    assert np.array_equal(first, again)
