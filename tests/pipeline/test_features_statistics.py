"""The statistics agree with their definitions in float64, and are finite on any window."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.pipeline.features import statistics
from edge_agent.plugin import CentredWindow, FeatureInput, NoOptions

F64 = NDArray[np.float64]

DEFINITIONS: dict[type[statistics.Statistic], Callable[[F64], float]] = {
    statistics.MeanAbs: lambda x: float(np.abs(x).mean()),
    statistics.Rms: lambda x: math.sqrt((x**2).mean()),
    statistics.Peak: lambda x: float(np.abs(x).max()),
    statistics.PeakToPeak: lambda x: float(np.ptp(x)),
    statistics.CrestFactor: lambda x: np.abs(x).max() / math.sqrt((x**2).mean()),
    statistics.Kurtosis: lambda x: (x**4).mean() / (x**2).mean() ** 2 - 3,
    statistics.Skewness: lambda x: (x**3).mean() / (x**2).mean() ** 1.5,
    statistics.ShapeFactor: lambda x: math.sqrt((x**2).mean()) / np.abs(x).mean(),
    statistics.ImpulseFactor: lambda x: np.abs(x).max() / np.abs(x).mean(),
    statistics.ClearanceFactor: lambda x: np.abs(x).max() / np.sqrt(np.abs(x)).mean() ** 2,
}
RATIOS = [
    statistics.CrestFactor,
    statistics.Kurtosis,
    statistics.Skewness,
    statistics.ShapeFactor,
    statistics.ImpulseFactor,
    statistics.ClearanceFactor,
]


def compute(feature: type[statistics.Statistic], samples: NDArray[np.float32]) -> list[float]:
    given_input = FeatureInput(len(samples), None, None, tuple("abcd"[: samples.shape[1]]))
    values = feature(NoOptions(), given_input).compute(CentredWindow(samples))
    assert values.dtype == np.float32
    assert values.shape == (samples.shape[1], 1)
    return [float(value) for value in values[:, 0]]


@pytest.mark.parametrize("feature", DEFINITIONS)
@pytest.mark.parametrize("length", [1, 2, 33, 1024, 20480])
def test_a_statistic_agrees_with_its_definition(
    feature: type[statistics.Statistic], length: int
) -> None:
    noise = np.random.default_rng(length).standard_t(5, size=(length, 3))
    samples = (noise * [1.0, 0.01, 30.0] + [0.0, 1.0, -4.0]).astype(np.float32)
    if length == 1:
        assert compute(feature, samples) == [0.0, 0.0, 0.0]
        return
    exact = samples.astype(np.float64)
    expected = [DEFINITIONS[feature](x - x.mean()) for x in exact.T]
    assert compute(feature, samples) == pytest.approx(expected, rel=2e-5, abs=1e-4)


def test_a_statistics_name_is_its_entry_points() -> None:
    names = [feature.name for feature in DEFINITIONS]
    assert names == [
        "mean_abs",
        "rms",
        "peak",
        "peak_to_peak",
        "crest_factor",
        "kurtosis",
        "skewness",
        "shape_factor",
        "impulse_factor",
        "clearance_factor",
    ]


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        (statistics.MeanAbs, 2 / math.pi),
        (statistics.Rms, math.sqrt(0.5)),
        (statistics.Peak, 1.0),
        (statistics.PeakToPeak, 2.0),
        (statistics.CrestFactor, math.sqrt(2)),
        (statistics.Kurtosis, -1.5),
        (statistics.Skewness, 0.0),
        (statistics.ShapeFactor, math.pi / math.sqrt(8)),
        (statistics.ImpulseFactor, math.pi / 2),
        (statistics.ClearanceFactor, 1.7188),
    ],
)
def test_a_sine_has_the_textbook_value(
    feature: type[statistics.Statistic], expected: float
) -> None:
    sine = np.sin(2 * np.pi * 17 * np.arange(4096) / 4096).astype(np.float32)[:, None]
    assert compute(feature, sine)[0] == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("feature", RATIOS)
@pytest.mark.parametrize("level", [0.0, 0.1, 9.81, -1e6])
def test_a_ratio_of_a_flat_window_is_0(feature: type[statistics.Statistic], level: float) -> None:
    flat = np.full((777, 2), level, np.float32)
    assert compute(feature, flat) == [0.0, 0.0]


@given(
    values=st.lists(st.floats(-1e9, 1e9, width=32), min_size=1, max_size=50),
    exponent=st.integers(-25, 0),
)
def test_every_statistic_is_finite_on_finite_samples(values: list[float], exponent: int) -> None:
    samples = (np.array(values) * 10.0**exponent).astype(np.float32)[:, None]
    for feature in DEFINITIONS:
        assert np.isfinite(compute(feature, samples)).all(), feature.name
