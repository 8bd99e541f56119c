"""Numbers and names of features in the words of whoever stands beside the machine."""

import re

from edge_agent.pipeline.evidence import FeatureEvidence

_BANDS = 8  # of the wavelet packet, each a sixteenth of the sampling rate wide
_TITLES = {
    "rms": "vibration level (rms)",
    "mean_abs": "vibration level (mean)",
    "peak": "highest peak",
    "peak_to_peak": "peak to peak",
    "crest_factor": "peaks over level (crest factor)",
    "kurtosis": "impacts (kurtosis)",
    "skewness": "asymmetry (skewness)",
    "shape_factor": "shape factor",
    "impulse_factor": "impacts (impulse factor)",
    "clearance_factor": "impacts (clearance factor)",
    "velocity_rms": "velocity, 10 to 1000 Hz (rms)",
    "bpfo": "outer race line",
    "bpfi": "inner race line",
    "bsf": "rolling element line",
    "ftf": "cage line",
}
_BAND = re.compile(r"band_energy_([0-7])")
_KILO = 1000.0


def number(value: float) -> str:
    """Return three digits without an exponent where that is readable."""
    text = f"{value:.3g}"
    if "e" in text and 1.0 <= abs(value) < 1e6:  # noqa: PLR2004 - up to six digits read well
        return f"{value:.0f}"
    return text


def quantity(value: float | None, unit: str | None) -> str:
    """Return a number with its unit."""
    if value is None:
        return "unknown"
    return f"{number(value)} {unit}" if unit else number(value)


def frequency(hz: float) -> str:
    """Return a frequency in Hz or kHz."""
    return f"{number(hz / _KILO)} kHz" if hz >= _KILO else f"{number(hz)} Hz"


def output_of(feature: FeatureEvidence) -> str:
    """Return the feature's name without its channel."""
    if feature.channel is None:
        return feature.name
    return feature.name.removeprefix(f"{feature.channel}_")


def band_of(feature: FeatureEvidence, rate_hz: float | None) -> tuple[float, float] | None:
    """Return the frequencies in Hz that a feature speaks of; None where it is none of a band."""
    match = _BAND.fullmatch(output_of(feature))
    if match is None or rate_hz is None:
        return None
    width_hz = rate_hz / 2 / _BANDS
    return int(match[1]) * width_hz, (int(match[1]) + 1) * width_hz


def title(feature: FeatureEvidence, rate_hz: float | None) -> str:
    """Say what a feature is, without its channel."""
    band = band_of(feature, rate_hz)
    if band is not None:
        if band[0] == 0:
            return f"energy up to {frequency(band[1])}"
        return f"energy from {frequency(band[0])} to {frequency(band[1])}"
    output = output_of(feature)
    return _TITLES.get(output, output)


def full_title(feature: FeatureEvidence, rate_hz: float | None) -> str:
    """Say what a feature is and of which channel."""
    what = title(feature, rate_hz)
    return what if feature.channel is None else f"{what}, channel {feature.channel}"


def is_high(feature: FeatureEvidence) -> bool:
    """Say whether a feature is above what it was in health."""
    median = feature.healthy_median
    return feature.value is not None and median is not None and feature.value > median


def is_outside(feature: FeatureEvidence) -> bool:
    """Say whether a feature is outside its healthy range."""
    return feature.distance > 1.0


def compared(feature: FeatureEvidence) -> str:
    """Say how a feature's value compares with health."""
    value, median = feature.value, feature.healthy_median
    if value is None:
        return "not computed in this window"
    if median is None:
        return "nothing to compare with yet"
    where = "inside its healthy range by itself"
    if is_outside(feature):
        where = f"{'above' if is_high(feature) else 'below'} its healthy range"
    # Where health is about nothing, as an impacts' kurtosis is, times nothing says nothing.
    if (feature.healthy_low or 0.0) > 0 and value > 0:
        return f"{_times(value / median)} its healthy median, {where}"
    return where


def _times(ratio: float) -> str:
    if ratio >= 2.0:  # noqa: PLR2004 - from the double on, percents are hard to read
        return f"{number(ratio)} times"
    return f"{ratio:.0%} of"
