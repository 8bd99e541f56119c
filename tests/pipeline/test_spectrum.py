import numpy as np
import pytest

from edge_agent.pipeline.spectrum import BANDS, BandSpectrum

RATE_HZ, LENGTH = 25600.0, 25600


def test_a_tone_stands_in_its_band_with_its_rms() -> None:
    spectrum = BandSpectrum(RATE_HZ, LENGTH)
    tone = 2.0 * np.sqrt(2) * np.sin(2 * np.pi * 3000.0 * np.arange(LENGTH) / RATE_HZ)

    (levels,) = spectrum.levels_db(tone.astype(np.float32)[None])

    band = int(np.argmax(levels))
    assert spectrum.edges_hz[band] <= 3000.0 < spectrum.edges_hz[band + 1]
    assert levels[band] == pytest.approx(20 * np.log10(2.0), abs=0.1)


@pytest.mark.parametrize("length", [64, 2560, 2561, 25600])
def test_the_squares_of_all_bands_are_the_mean_square(length: int) -> None:
    noise = np.random.default_rng(1).standard_normal((2, length)).astype(np.float32)
    noise -= noise.mean(axis=1, keepdims=True)
    spectrum = BandSpectrum(RATE_HZ, length)

    levels = spectrum.levels_db(noise)

    assert levels.shape == (2, len(spectrum.edges_hz) - 1)
    assert (10 ** (levels / 10)).sum(axis=1) == pytest.approx(1.0, rel=0.5)
    assert np.all(np.diff(spectrum.edges_hz) > 0)
    assert len(spectrum.edges_hz) <= BANDS + 1


def test_silence_has_a_finite_level() -> None:
    assert np.isfinite(BandSpectrum(RATE_HZ, 64).levels_db(np.zeros((1, 64), np.float32))).all()
