import msgspec
import numpy as np
import pytest

from edge_agent.pipeline.evidence import Describer
from edge_agent.pipeline.features import FeatureExtractor
from edge_agent.pipeline.spec import FlowSpec


@pytest.fixture
def describer(flow_spec: FlowSpec) -> Describer:
    extractor = FeatureExtractor(flow_spec.features, flow_spec.input.feature_input())
    return Describer(flow_spec, extractor.units, velocity=True)


def test_a_feature_is_set_beside_its_healthy_range_with_its_unit_and_channel(
    describer: Describer,
) -> None:
    vector = np.arange(11, dtype=np.float32)
    values = describer.values(vector, np.array([4.5], np.float32))
    ranges = np.stack((values - 2, values - 1, values + 1))

    rms, energy, velocity = describer.evidence(
        (("x_rms", 0.6), ("x_band_energy_0", 0.3), ("x_velocity_rms", 0.1)), values, ranges
    )

    assert (rms.value, rms.unit, rms.channel, rms.share) == (0.0, "g", "x", 0.6)
    assert (rms.healthy_low, rms.healthy_median, rms.healthy_high) == (-2.0, -1.0, 1.0)
    assert energy.unit == "g²"
    assert (velocity.value, velocity.unit, velocity.channel) == (4.5, "mm/s", "x")


def test_before_anything_was_learned_only_the_value_is_told(describer: Describer) -> None:
    values = describer.values(np.ones(11, np.float32), None)
    (rms,) = describer.evidence((("x_rms", 1.0),), values, None)
    assert (rms.value, rms.healthy_median) == (1.0, None)
    assert describer.others((rms,), values, None, 5) == ()


def test_a_value_that_is_missing_is_null_and_json_can_hold_it(describer: Describer) -> None:
    values = describer.values(None, None)
    (velocity,) = describer.evidence((("x_velocity_rms", 1.0),), values, None)
    assert velocity.value is None
    assert b'"value":null' in msgspec.json.encode(velocity)


def test_others_are_those_outside_their_range_the_furthest_first(describer: Describer) -> None:
    values = describer.values(np.zeros(11, np.float32), None)
    values[1], values[2], values[4] = 5.0, -9.0, 0.5
    ranges = np.stack([np.full(12, x, np.float32) for x in (-1.0, 0.0, 1.0)])
    (taken,) = describer.evidence((("x_rms", 1.0),), values, ranges)

    found = describer.others((taken,), values, ranges, 5)

    assert [one.name for one in found] == [describer.names[2], describer.names[1]]
    assert [one.distance for one in found] == pytest.approx([9.0, 5.0])


def test_names_of_a_feature_table_are_of_no_channel(features_flow_spec: FlowSpec) -> None:
    describer = Describer(features_flow_spec, (), velocity=False)
    values = describer.values(np.ones(11, np.float32), None)
    (rms,) = describer.evidence((("x_rms", 1.0),), values, None)
    assert (rms.channel, rms.unit) == (None, None)
