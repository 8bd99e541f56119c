"""What the predictors make of a model: held against the model called by hand."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.pipeline.model import Model, ModelSpec
from edge_agent.pipeline.network import WindowPredictor, predictor

GOLDEN = Path(__file__).parents[1] / "golden"


def spec_of(form: str, n_targets: int, **more: object) -> ModelSpec:
    given = {
        "family": "forecaster",
        "form": form,
        "quantization": "float32",
        "window_length": 1,
        "state_size": 20 if form == "streaming" else 0,
        "targets": list(range(n_targets)),
        "washout": 0,
    }
    return msgspec.convert(given | more, ModelSpec)


# by name: the file and what it is
SPECS = {
    "streaming": ("streaming", spec_of("streaming", 11)),
    "recursive": ("streaming", spec_of("streaming", 11, horizon=4)),
    "window_forecaster": ("window_forecaster", spec_of("window", 4, window_length=8)),
    "window_autoencoder": (
        "window_autoencoder",
        spec_of("window", 3, window_length=6, family="autoencoder"),
    ),
    "window_quantiles": (
        "window_quantiles",
        spec_of("window", 3, window_length=7, quantiles=[0.1, 0.5, 0.9]),
    ),
    "forecast_reconstruct": (
        "forecast_reconstruct",
        spec_of("window", 3, window_length=6, family="forecast_reconstruct"),
    ),
}


def load(name: str) -> Model:
    file, spec = SPECS[name]
    return Model((GOLDEN / f"{file}.tflite").read_bytes(), spec, len(spec.targets))


def reference(name: str) -> dict[str, NDArray[np.float32]]:
    """What plain numpy computed from the weights."""
    with np.load(GOLDEN / f"{SPECS[name][0]}.npz") as arrays:
        return dict(arrays)


def vectors_of(name: str, count: int) -> NDArray[np.float32]:
    return reference(name)["x"].reshape(-1, len(SPECS[name][1].targets))[:count]


def test_a_streaming_forecasters_residual_is_what_came_minus_what_was_expected() -> None:
    expected = reference("streaming")
    steps = predictor(load("streaming"), 11)

    residuals = [steps.push(x, x) for x in expected["x"]]

    assert residuals[0] is None
    for t, residual in enumerate(residuals[1:], 1):
        assert residual is not None
        assert residual.shape == (1, 11)
        np.testing.assert_allclose(residual[0], expected["x"][t] - expected["y"][t - 1], atol=2e-6)


def test_what_the_network_sees_may_differ_from_what_is_judged() -> None:
    expected = reference("streaming")
    steps = predictor(load("streaming"), 11)
    steps.push(expected["x"][0], expected["x"][0])

    residual = steps.push(np.full(11, 50.0, np.float32), expected["x"][1])

    assert residual is not None
    np.testing.assert_allclose(residual, 50.0 - expected["y"][:1], atol=1e-5)


def test_a_window_forecaster_predicts_the_vector_after_its_window() -> None:
    model = load("window_forecaster")
    vectors = reference("window_forecaster")["x"].reshape(-1, 4)[:30]
    steps = predictor(model, 4)

    residuals = [steps.push(x, x) for x in vectors]

    assert all(residual is None for residual in residuals[:8])
    for t in range(8, 30):
        found = residuals[t]
        assert found is not None
        expected = vectors[t] - model.run(vectors[None, t - 8 : t])
        np.testing.assert_array_equal(found, expected)


def test_an_autoencoder_is_judged_over_the_window_that_ends_with_the_newest_vector() -> None:
    model = load("window_autoencoder")
    vectors = reference("window_autoencoder")["x"].reshape(-1, 3)[:20]
    steps = predictor(model, 3)

    residuals = [steps.push(x, x) for x in vectors]

    assert all(residual is None for residual in residuals[:5])
    for t in range(5, 20):
        found = residuals[t]
        assert found is not None
        window = vectors[None, t - 5 : t + 1]
        np.testing.assert_array_equal(found, (window - model.run(window))[0])


@pytest.mark.parametrize("cut", [0, 3, 8, 12])
@pytest.mark.parametrize("name", SPECS)
def test_a_restored_predictor_goes_on_bit_for_bit(name: str, cut: int) -> None:
    model, n = load(name), len(SPECS[name][1].targets)
    vectors = reference(name)["x"].reshape(-1, n)[:25]
    undisturbed, restored = predictor(model, n), predictor(model, n)
    for x in vectors[:cut]:
        undisturbed.push(x, x)
    restored.restore({key: array.copy() for key, array in undisturbed.state().items()})

    for x in vectors[cut:]:
        expected, found = undisturbed.push(x, x), restored.push(x, x)
        if expected is None or found is None:
            assert found is expected
        else:
            assert found.tobytes() == expected.tobytes()


def test_predictors_that_share_a_model_do_not_disturb_each_other() -> None:
    for name, (_, spec) in SPECS.items():
        n = len(spec.targets)
        vectors = reference(name)["x"].reshape(-1, n)[:20]
        model = load(name)
        alone, together, other = (predictor(model, n) for _ in range(3))
        expected = [alone.push(x, x) for x in vectors]
        for x, right in zip(vectors, expected, strict=True):
            other.push(-x, -x)
            found = together.push(x, x)
            assert (found is None) == (right is None)
            if found is not None and right is not None:
                assert found.tobytes() == right.tobytes()


def test_a_window_predictor_keeps_no_more_than_its_window() -> None:
    steps = WindowPredictor(load("window_forecaster"), 4)
    for x in reference("window_forecaster")["x"].reshape(-1, 4)[:50]:
        steps.push(x, x)

    assert steps.state()["rows"].shape == (8, 4)
    assert steps.state()["rows"].flags.c_contiguous


def test_quantiles_are_a_row_each_against_the_vector_after_the_window() -> None:
    model, vectors = load("window_quantiles"), vectors_of("window_quantiles", 20)
    steps = predictor(model, 3)

    residuals = [steps.push(x, x) for x in vectors]

    assert all(residual is None for residual in residuals[:7])
    for t in range(7, 20):
        found = residuals[t]
        assert found is not None
        expected = vectors[t] - model.run(vectors[None, t - 7 : t]).reshape(3, 3)
        np.testing.assert_array_equal(found, expected)


def test_a_recursive_forecaster_is_judged_by_every_forecast_that_was_made_of_a_vector() -> None:
    model, vectors = load("recursive"), vectors_of("recursive", 15)
    made: dict[tuple[int, int], NDArray[np.float32]] = {}
    state = np.zeros((1, 20), np.float32)
    for t, x in enumerate(vectors):
        y, state = model.step(x[None], state)
        ahead = state
        made[t + 1, 1] = y[0]
        for step in (2, 3, 4):
            y, ahead = model.step(y, ahead)
            made[t + step, step] = y[0]
    steps = predictor(model, 11)

    residuals = [steps.push(x, x) for x in vectors]

    assert all(residual is None for residual in residuals[:4])
    for t in range(4, 15):
        expected = np.stack([vectors[t] - made[t, step] for step in (1, 2, 3, 4)])
        found = residuals[t]
        assert found is not None
        np.testing.assert_array_equal(found, expected)


def test_what_forecasts_and_reconstructs_is_judged_by_both_of_the_newest_vector() -> None:
    model, vectors = load("forecast_reconstruct"), vectors_of("forecast_reconstruct", 20)
    steps = predictor(model, 3)

    residuals = [steps.push(x, x) for x in vectors]

    assert all(residual is None for residual in residuals[:6])
    for t in range(6, 20):
        found = residuals[t]
        assert found is not None
        before, now = (model.run(vectors[None, end - 6 : end])[0] for end in (t, t + 1))
        np.testing.assert_array_equal(found, vectors[t] - np.stack((before[6], now[5])))
