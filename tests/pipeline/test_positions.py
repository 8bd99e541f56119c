"""One network run over each channel of an asset."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.pipeline.model import Model, ModelError, ModelSpec
from edge_agent.pipeline.network import predictor

GOLDEN = Path(__file__).parents[1] / "golden"
SPEC = ModelSpec(
    family="forecaster",
    form="streaming",
    quantization="float32",
    window_length=1,
    state_size=20,
    targets=tuple(range(11)),
    washout=2,
)
TWICE = msgspec.structs.replace(SPEC, positions=2, targets=tuple(range(22)))


def _model(spec: ModelSpec, n_features: int, name: str = "streaming") -> Model:
    return Model((GOLDEN / f"{name}.tflite").read_bytes(), spec, n_features)


def _vectors(n_features: int) -> NDArray[np.float32]:
    return np.random.default_rng(5).standard_normal((12, n_features)).astype(np.float32)


def _pushed(model: Model, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    runner = predictor(model, vectors.shape[1])
    found = [runner.push(v, v) for v in vectors]
    return np.array([r for r in found if r is not None])


def test_each_position_is_predicted_as_if_it_were_alone() -> None:
    vectors = _vectors(22)
    together = _pushed(_model(TWICE, 22), vectors)
    one = _model(SPEC, 11)
    alone = [_pushed(one, np.ascontiguousarray(part)) for part in np.split(vectors, 2, axis=1)]
    np.testing.assert_array_equal(together, np.concatenate(alone, axis=2))


def test_an_autoencoder_gives_a_row_for_each_step_of_its_window() -> None:
    spec = msgspec.structs.replace(
        SPEC,
        family="autoencoder",
        form="window",
        window_length=6,
        state_size=0,
        targets=tuple(range(9)),
        positions=3,
    )
    residuals = _pushed(_model(spec, 9, "window_autoencoder"), _vectors(9))
    assert residuals.shape == (7, 6, 9)


def test_only_some_features_of_each_position_may_be_targets() -> None:
    spec = msgspec.structs.replace(TWICE, targets=(0, 3, 11, 14))
    assert spec.of_one_position(22).targets == (0, 3)


def test_a_restored_predictor_goes_on_bit_for_bit() -> None:
    vectors = _vectors(22)
    model = _model(TWICE, 22)
    first, second = predictor(model, 22), predictor(model, 22)
    for vector in vectors[:6]:
        first.push(vector, vector)
    second.restore(first.state())
    for vector in vectors[6:]:
        expected, found = first.push(vector, vector), second.push(vector, vector)
        assert expected is not None
        assert found is not None
        assert expected.tobytes() == found.tobytes()


def test_the_state_of_other_positions_is_refused() -> None:
    one, two = predictor(_model(SPEC, 11), 11), predictor(_model(TWICE, 22), 22)
    with pytest.raises(ValueError, match="allowed: 2 positions"):
        two.restore(one.state())
    three = {f"2.{name}": array for name, array in one.state().items()}
    with pytest.raises(ValueError, match="allowed: 2 positions"):
        two.restore(three)


@pytest.mark.parametrize("targets", [(0, 12), (0, 1, 11, 13), tuple(range(11, 22)) * 2])
def test_positions_that_differ_in_their_targets_are_refused(targets: tuple[int, ...]) -> None:
    with pytest.raises((ModelError, ValueError), match=r"model\.targets"):
        _model(msgspec.structs.replace(TWICE, targets=targets), 22)


def test_a_number_of_positions_that_does_not_divide_the_targets_is_refused() -> None:
    with pytest.raises(ValueError, match=r"model\.positions is 2, allowed: .* \(11 in all\)"):
        msgspec.structs.replace(SPEC, positions=2)
    with pytest.raises(ModelError, match="2 equal parts of 23 features"):
        _model(TWICE, 23)
