"""A channel that is context gives its mean and nothing else."""

import msgspec
import numpy as np
import pytest

from edge_agent.pipeline.block import InputSpec
from edge_agent.pipeline.features import FeatureExtractor, installed_spec, window_extractor
from edge_agent.plugin import FeatureError

GIVEN = InputSpec(
    kind="samples",
    channels=("a", "speed", "b"),
    rate_hz=1024.0,
    unit="g",
    length=64,
    hop=64,
    period_s=None,
    context=("speed",),
)
SPECS = (installed_spec("rms"), installed_spec("peak"))
SAMPLES = np.random.default_rng(3).normal(5.0, 1.0, (64, 3)).astype(np.float32)


def test_features_of_the_others_come_first_and_the_mean_of_the_context_last() -> None:
    extractor = window_extractor(SPECS, GIVEN)
    assert extractor.names == ("a_rms", "a_peak", "b_rms", "b_peak", "speed")
    vector, bias = extractor.compute(SAMPLES)
    plain = FeatureExtractor(SPECS, GIVEN.feature_input())
    expected, _ = plain.compute(np.ascontiguousarray(SAMPLES[:, [0, 2]]))
    np.testing.assert_array_equal(vector[:4], expected)
    assert vector[4] == pytest.approx(SAMPLES[:, 1].mean())
    np.testing.assert_allclose(bias, SAMPLES.mean(axis=0), rtol=1e-6)


def test_without_context_nothing_stands_between() -> None:
    plain = msgspec.structs.replace(GIVEN, context=())
    assert isinstance(window_extractor(SPECS, plain), FeatureExtractor)


def test_a_context_that_is_not_finite_is_refused() -> None:
    samples = SAMPLES.copy()
    samples[3, 1] = np.nan
    with pytest.raises(FeatureError, match="not finite in a context channel"):
        window_extractor(SPECS, GIVEN).compute(samples)
    with pytest.raises(FeatureError, match=r"\(64, 3\): found \(64, 2\)"):
        window_extractor(SPECS, GIVEN).compute(SAMPLES[:, :2])


@pytest.mark.parametrize("context", [("torque",), ("a", "speed", "b")])
def test_context_must_be_some_of_the_channels(context: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"input\.context is .*, allowed: some of"):
        msgspec.structs.replace(GIVEN, context=context)


def test_a_context_with_the_name_of_a_feature_is_refused() -> None:
    given = msgspec.structs.replace(GIVEN, channels=("a", "a_rms"), context=("a_rms",))
    with pytest.raises(FeatureError, match="a_rms: the name of a context channel and a feature"):
        window_extractor(SPECS, given)
