"""What stands in for a network: nothing to load, and states that continue bit for bit."""

from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.pipeline.model import ModelError, ModelSpec, PlainModel, load_model
from edge_agent.pipeline.network import predictor


def _spec(family: str, length: int = 1, **other: Any) -> ModelSpec:
    given = {
        "family": family,
        "form": "streaming",
        "quantization": "none",
        "window_length": length,
        "state_size": 0,
        "targets": (0, 2),
        "washout": 0,
    }
    return msgspec.convert(given | other, ModelSpec)


def _residuals(spec: ModelSpec, vectors: NDArray[np.float32]) -> list[list[float] | None]:
    runner = predictor(PlainModel(spec), vectors.shape[1])
    found = [runner.push(v, v) for v in vectors]
    return [None if r is None else r[0].tolist() for r in found]


VECTORS = np.array([[1, 9, 2], [3, 9, 2], [2, 9, 8], [7, 9, 5]], dtype=np.float32)


def test_none_expects_the_healthy_location_from_the_first_vector_on() -> None:
    assert _residuals(_spec("none"), VECTORS) == VECTORS[:, [0, 2]].tolist()


def test_persistence_expects_the_vector_before() -> None:
    assert _residuals(_spec("persistence"), VECTORS) == [None, [2, 0], [-1, 6], [5, -3]]


def test_moving_z_counts_the_deviations_of_the_last_vectors_from_their_mean() -> None:
    found = _residuals(_spec("moving_z", 2), VECTORS)
    assert found[:2] == [None, None]
    # mean 2 and deviation 1 of 1, 3; 2 and 2 do not deviate: the least deviation is 0.05
    assert found[2] == pytest.approx([0.0, 6.0 / 0.05])
    assert found[3] == pytest.approx([4.5 / 0.5, 0.0])


def test_a_vector_counts_in_full_but_is_remembered_as_the_detector_may_see_it() -> None:
    runner = predictor(PlainModel(_spec("persistence")), 3)
    wild = np.full(3, 50.0, np.float32)
    runner.push(wild, np.clip(wild, -3.0, 3.0))
    residual = runner.push(wild, np.clip(wild, -3.0, 3.0))
    assert residual is not None
    assert residual.tolist() == [[47.0, 47.0]]


@pytest.mark.parametrize("spec", [_spec("none"), _spec("persistence"), _spec("moving_z", 7)])
@pytest.mark.parametrize("cut", [0, 3, 20])
def test_a_restored_state_goes_on_bit_for_bit(spec: ModelSpec, cut: int) -> None:
    vectors = np.random.default_rng(1).standard_normal((40, 3)).astype(np.float32)
    runner, again = (predictor(PlainModel(spec), 3) for _ in range(2))
    for vector in vectors[:cut]:
        runner.push(vector, vector)
    again.restore(runner.state())
    for vector in vectors[cut:]:
        one, other = runner.push(vector, vector), again.push(vector, vector)
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"state": np.zeros((1, 2), np.float32)},
        {"rows": np.zeros((3, 2), np.float32)},
        {"rows": np.zeros((1, 3), np.float32)},
        {"rows": np.zeros((1, 2), np.float64)},
    ],
)
def test_a_state_of_another_detector_is_refused(state: dict[str, NDArray[np.float32]]) -> None:
    with pytest.raises(ValueError, match="rows of float32, at most 2 of 2"):
        predictor(PlainModel(_spec("moving_z", 2)), 3).restore(state)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"quantization": "float32"}, "'none' for what is no network"),
        ({"family": "forecaster"}, "'none' for what is no network"),
        ({"form": "window"}, "streaming and 0"),
        ({"state_size": 3}, "streaming and 0"),
        ({"window_length": 2}, "window_length is 2, allowed: 1"),
        ({"family": "moving_z", "window_length": 0}, "window_length is 0, allowed: 1 or more"),
    ],
)
def test_a_specification_that_contradicts_itself_is_refused(
    given: dict[str, Any], reason: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        _spec(**({"family": "none"} | given))


def test_a_network_without_its_file_is_refused() -> None:
    spec = _spec("forecaster", quantization="float32")
    with pytest.raises(ModelError, match="no model for family forecaster, allowed: a TFLite file"):
        load_model(None, spec, 3)
