"""Velocity rms: right for tones, confined to its band, refused where it has no meaning."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.pipeline.features.velocity import VelocityRms
from edge_agent.plugin import CentredWindow, FeatureError, FeatureInput, NoOptions


def severity(samples: NDArray[np.float64], rate_hz: float, unit: str = "m/s2") -> float:
    given = FeatureInput(len(samples), rate_hz, unit, ("x",))
    window = CentredWindow(samples.astype(np.float32)[:, None])
    values = VelocityRms(NoOptions(), given).compute(window)
    assert values.shape == (1, 1)
    assert values.dtype == np.float32
    return float(values[0, 0])


def tone(frequency_hz: float, rate_hz: float = 5120.0, seconds: float = 1.0) -> NDArray[np.float64]:
    time_s = np.arange(int(rate_hz * seconds)) / rate_hz
    samples: NDArray[np.float64] = np.sin(2 * np.pi * frequency_hz * time_s)
    return samples


@pytest.mark.parametrize("frequency_hz", [15.0, 50.0, 99.7, 500.3, 950.0])
@pytest.mark.parametrize("rate_hz", [2560.0, 5120.0, 20001.0])
def test_a_tone_has_its_amplitude_over_its_angular_frequency(
    frequency_hz: float, rate_hz: float
) -> None:
    expected_mm_s = 1000 / (2 * np.pi * frequency_hz) / np.sqrt(2)
    assert severity(tone(frequency_hz, rate_hz), rate_hz) == pytest.approx(expected_mm_s, rel=5e-3)


def test_one_g_is_9_80665_metres_per_second_squared() -> None:
    x = tone(100.0)
    assert severity(x, 5120.0, "g") == pytest.approx(9.80665 * severity(x, 5120.0), rel=1e-5)


@pytest.mark.parametrize("frequency_hz", [5.0, 1100.0, 2000.0])
def test_what_vibrates_outside_the_band_does_not_count(frequency_hz: float) -> None:
    alone_mm_s = 1000 / (2 * np.pi * frequency_hz) / np.sqrt(2)
    assert severity(tone(frequency_hz), 5120.0) < 0.01 * alone_mm_s


def test_a_strong_high_tone_does_not_leak_into_the_low_lines() -> None:
    both = tone(12.0) + 100 * tone(900.4)
    expected = np.hypot(severity(tone(12.0), 5120.0), 100 * severity(tone(900.4), 5120.0))
    assert severity(both, 5120.0) == pytest.approx(expected, rel=1e-3)


def test_powers_of_independent_tones_add() -> None:
    both = severity(tone(40.0) + tone(160.0), 5120.0)
    assert both == pytest.approx(
        np.hypot(severity(tone(40.0), 5120.0), severity(tone(160.0), 5120.0)), rel=1e-4
    )


def test_a_flat_window_has_no_velocity() -> None:
    assert severity(np.full(5120, 9.81), 5120.0) == 0.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (FeatureInput(5120, 5120.0, None, ("x",)), "found no unit, allowed are 'g', 'm/s2'"),
        (FeatureInput(5120, 5120.0, "V", ("x",)), "found unit 'V', allowed are 'g', 'm/s2'"),
        (FeatureInput(5120, None, "g", ("x",)), "needs the sampling rate: found none"),
        (FeatureInput(1500, 1500.0, "g", ("x",)), "found a rate of 1500 Hz, needed .* 2000 Hz"),
        (FeatureInput(5119, 5120.0, "g", ("x",)), "at least 1 s: found 5119 samples at 5120 Hz"),
    ],
)
def test_windows_that_do_not_do_are_refused_with_what_is_needed(
    given: FeatureInput, message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        VelocityRms(NoOptions(), given)
