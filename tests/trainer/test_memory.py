"""A streaming forecaster with a slow memory, from the fit to the packed state of TFLite."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.pipeline.model import Model, ModelSpec
from trainer.fit import FitError, FitSpec, fit_network
from trainer.fit.memory import with_memory
from trainer.networks import FittedNetwork, NetworkError, NetworkSpec, predict_stream, remember
from trainer.quantize import ExportedModel, check_model, export_tflite

SPEC = NetworkSpec(
    family="forecaster", form="streaming", units=(16,), memory_alpha=0.1, output_bound=1.5
)
FIT = FitSpec(
    epochs=8,
    batch_size=4,
    learning_rate=0.01,
    sequence_length=20,
    washout=5,
    stateful=True,
    input_noise=0.1,
    seed=3,
)
RUNS = [slice(0, 180), slice(190, 400)]


@pytest.fixture(scope="module")
def fitted(elsewhere: Callable[..., Any], vectors: NDArray[np.float32]) -> FittedNetwork:
    network: FittedNetwork = elsewhere(fit_network, SPEC, FIT, vectors, vectors, RUNS)
    return network


@pytest.fixture(scope="module")
def exported(fitted: FittedNetwork, vectors: NDArray[np.float32]) -> ExportedModel:
    return export_tflite(fitted, "float32", vectors)


def test_the_fit_learned_something_beside_the_memory(fitted: FittedNetwork) -> None:
    assert np.abs(fitted.head_kernel).max() > 0.01
    assert fitted.history.loss[-1] < fitted.history.loss[0]
    assert fitted.layers[0].kernel.shape[0] == 2 * fitted.n_inputs == 22


def test_tflite_and_reference_agree_step_by_step_with_memory_and_bound(
    fitted: FittedNetwork, exported: ExportedModel, vectors: NDArray[np.float32]
) -> None:
    model = Model(
        exported.model,
        ModelSpec(
            family="forecaster",
            form="streaming",
            quantization="float32",
            window_length=1,
            state_size=exported.state_size,
            targets=tuple(range(11)),
            washout=0,
        ),
        11,
    )
    inputs = vectors.copy()
    inputs[100:150] += 3.0  # the memory leaves its bound, the prediction must not
    state = np.zeros((1, exported.state_size), dtype=np.float32)
    reference = state
    for row in range(len(inputs)):
        x = inputs[row : row + 1]
        y, state = model.step(x, state)
        expected, reference = predict_stream(fitted, x, reference)
        np.testing.assert_allclose(y, expected, atol=2e-5)
        np.testing.assert_allclose(state, reference, atol=2e-5)
        assert np.abs(y).max() <= 1.5
    assert exported.state_size == 2 * 16 + 11


def test_the_memory_is_the_last_part_of_the_state(
    fitted: FittedNetwork, vectors: NDArray[np.float32]
) -> None:
    memory = np.zeros((1, 11), dtype=np.float32)
    _, state = predict_stream(fitted, vectors[:50])
    for row in range(50):
        memory = remember(memory, vectors[row : row + 1], 0.1)
    np.testing.assert_array_equal(state[:, -11:], memory)


def test_both_runtimes_compute_what_the_network_computes(
    fitted: FittedNetwork, exported: ExportedModel, vectors: NDArray[np.float32]
) -> None:
    report = check_model(exported, fitted, vectors)
    ran = [name for name, said in report.runtimes.items() if said == "ok"]
    assert ran
    assert all(report.parity[name].largest < 2e-5 for name in ran)


def test_a_slow_drift_is_predicted_only_up_to_the_bound(fitted: FittedNetwork) -> None:
    drift = np.repeat(np.linspace(0.0, 8.0, 600, dtype=np.float32)[:, None], 11, axis=1)
    predictions, _ = predict_stream(fitted, drift)
    assert np.abs(predictions).max() <= 1.5
    assert (drift[-1] - predictions[-1] >= 6.5).all()


def test_what_is_fitted_is_what_the_memory_would_get_wrong() -> None:
    inputs = np.arange(12, dtype=np.float32).reshape(6, 2)
    beside, targets = with_memory(0.5, inputs, inputs, [slice(0, 3), slice(3, 6)])
    assert beside.shape == (6, 4)
    np.testing.assert_array_equal(beside[:, :2], inputs)
    # m += (x - m) / 2, from zero in each run; the target of a row is what came less the m before
    np.testing.assert_array_equal(beside[:, 2], [0.0, 1.0, 2.5, 3.0, 5.5, 7.75])
    np.testing.assert_array_equal(targets[:, 0], [0.0, 2.0, 3.0, 6.0, 5.0, 4.5])


def test_a_memory_needs_inputs_that_are_targets(random_network: Any) -> None:
    rows = np.zeros((5, 3), dtype=np.float32)
    with pytest.raises(FitError, match="predicts its 3 inputs; 1 targets are found"):
        with_memory(0.1, rows, rows[:, :1], [slice(0, 5)])
    with pytest.raises(NetworkError, match="predicts its 3 inputs; 1 outputs are found"):
        random_network(SPEC, 3, 1)
