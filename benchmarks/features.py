"""Features of a window beside the naive reference."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import naive_features
from benchmarks.figure import Figure, Goal, compared, figure
from benchmarks.turns import cpu_times_us
from edge_agent.pipeline.features import FeatureExtractor, installed_spec
from edge_agent.plugin import FeatureInput

NAMES = (*naive_features.STATISTICS, "band_energies")
CHANNELS = ("x", "y", "z", "w")
GOAL = Goal(kind="times", wanted=10.0, aim=20.0)
_TOLERANCE = 1e-3  # long float32 sums of the reference are no better
_SHAPES = ((20480, 4), (4096, 1))


def vibration(length: int, channels: int) -> NDArray[np.float32]:
    """Noise beside a tone and gravity, float32 (length, channels), in g."""
    noise = 0.1 * np.random.default_rng(length).standard_normal((length, channels))
    tone = 0.05 * np.sin(0.1 * np.arange(length))[:, None]
    samples: NDArray[np.float32] = (1.0 + tone + noise).astype(np.float32)
    return samples


def extractor(names: tuple[str, ...], length: int, channels: int) -> FeatureExtractor:
    """Return the agent's own for windows of one second."""
    given = FeatureInput(length, float(length), "g", CHANNELS[:channels])
    return FeatureExtractor([installed_spec(name) for name in names], given)


def measure(_folder: Path, *, quick: bool) -> list[Figure]:
    """Measure all features that the reference has, and severity, which it has not."""
    return [_beside_naive(*shape, quick=quick) for shape in _SHAPES] + [_severity(quick=quick)]


def _beside_naive(length: int, channels: int, *, quick: bool) -> Figure:
    samples, own = vibration(length, channels), extractor(NAMES, length, channels)
    expected = naive_features.features(samples, NAMES)
    for same in (own.compute(samples)[0], naive_features.features_by_column(samples, NAMES)):
        np.testing.assert_allclose(same, expected, rtol=_TOLERANCE, atol=1e-4)
    found = cpu_times_us(
        {
            "own": lambda: own.compute(samples),
            "naive": lambda: naive_features.features(samples, NAMES),
            "column": lambda: naive_features.features_by_column(samples, NAMES),
        },
        turns=6 if quick else 50,
        repeat=8,
    )
    return figure(
        f"features_{length}x{channels}",
        f"{len(expected)} features of {length} x {channels} float32 samples, processor time",
        "us",
        compared(
            found["own"],
            {
                "pywt.WaveletPacket and naive statistics": found["naive"],
                "the same, each channel copied out first": found["column"],
            },
        ),
        GOAL if channels > 1 else None,
    )


def _severity(*, quick: bool) -> Figure:
    length, channels = _SHAPES[0]
    samples = vibration(length, channels)
    own, without = extractor(("velocity_rms",), length, channels), extractor((), length, channels)
    found = cpu_times_us(
        {"own": lambda: own.compute(samples), "nothing": lambda: without.compute(samples)},
        turns=6 if quick else 50,
        repeat=8,
    )
    return figure(
        f"velocity_rms_{length}x{channels}",
        f"velocity_rms alone of {length} x {channels} float32 samples, processor time",
        "us",
        compared(found["own"], {"taking the window without a feature": found["nothing"]}),
    )
