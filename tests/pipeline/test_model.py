from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.pipeline.model import Model, ModelError, ModelSpec
from edge_agent.pipeline.runtime import RUNTIMES, load_interpreter, tensor_indices

GOLDEN = Path(__file__).parents[1] / "golden"


def spec_of(
    family: str, form: str, window_length: int, state_size: int, n_targets: int, **more: object
) -> ModelSpec:
    return msgspec.convert(
        {
            "family": family,
            "form": form,
            "quantization": "float32",
            "window_length": window_length,
            "state_size": state_size,
            "targets": list(range(n_targets)),
            "washout": window_length,
            **more,
        },
        ModelSpec,
    )


SPECS = {
    "streaming": spec_of("forecaster", "streaming", 1, 20, 11),
    "window_forecaster": spec_of("forecaster", "window", 8, 0, 4),
    "window_autoencoder": spec_of("autoencoder", "window", 6, 0, 3),
    "window_quantiles": spec_of("forecaster", "window", 7, 0, 3, quantiles=[0.1, 0.5, 0.9]),
    "forecast_reconstruct": spec_of("forecast_reconstruct", "window", 6, 0, 3),
}


def content(name: str) -> bytes:
    return (GOLDEN / f"{name}.tflite").read_bytes()


def load(name: str, **changes: object) -> Model:
    spec = SPECS[name]
    return Model(content(name), msgspec.structs.replace(spec, **changes), len(spec.targets))


def reference(name: str) -> dict[str, NDArray[np.float32]]:
    """What plain numpy computed from the weights."""
    with np.load(GOLDEN / f"{name}.npz") as arrays:
        return dict(arrays)


def test_a_streaming_model_carries_its_state_as_the_reference_does() -> None:
    model, expected = load("streaming"), reference("streaming")
    state = np.zeros((1, 20), np.float32)

    for x, y, s_next in zip(expected["x"], expected["y"], expected["s_next"], strict=True):
        found, state = model.step(x[None], state)
        np.testing.assert_allclose(found[0], y, atol=2e-6)
        np.testing.assert_allclose(state[0], s_next, atol=2e-6)


@pytest.mark.parametrize("name", [name for name in SPECS if name != "streaming"])
def test_a_window_model_starts_every_window_from_zero_state(name: str) -> None:
    model, expected = load(name), reference(name)

    for x, y in zip(expected["x"], expected["y"], strict=True):
        np.testing.assert_allclose(model.run(x[None])[0], y, atol=2e-6)


def test_the_same_window_gives_the_same_bits_whatever_came_before() -> None:
    model, x = load("window_autoencoder"), reference("window_autoencoder")["x"]
    first = model.run(x[:1])

    model.run(x[1:2])

    assert model.run(x[:1]).tobytes() == first.tobytes()


def test_what_a_model_returned_does_not_change_with_its_next_run() -> None:
    model, x = load("streaming"), reference("streaming")["x"]
    y, state = model.step(x[:1], np.zeros((1, 20), np.float32))
    kept = y.copy(), state.copy()

    model.step(x[1:2], state)

    np.testing.assert_array_equal(y, kept[0])
    np.testing.assert_array_equal(state, kept[1])


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("streaming", {"form": "window"}, "inputs"),
        ("window_forecaster", {"form": "streaming", "window_length": 1}, "inputs"),
        ("streaming", {"state_size": 21}, "'s'"),
        ("streaming", {"targets": (0,)}, "'y'"),
        ("window_forecaster", {"window_length": 9}, "'x'"),
        ("window_forecaster", {"family": "autoencoder"}, "'y'"),
        ("window_autoencoder", {"family": "forecaster"}, "'y'"),
        ("window_autoencoder", {"targets": (0, 1)}, "'y'"),
        ("window_quantiles", {"quantiles": ()}, "'y'"),
        ("forecast_reconstruct", {"family": "autoencoder"}, "'y'"),
        ("streaming", {"horizon": 3, "targets": tuple(range(1, 11))}, "predictions are fed back"),
    ],
)
def test_a_model_that_is_not_what_the_bundle_says_is_refused(
    name: str, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        load(name, **changes)


def test_a_model_of_another_number_of_features_is_refused() -> None:
    with pytest.raises(ModelError, match="'x'"):
        Model(content("streaming"), SPECS["streaming"], 12)


@pytest.mark.parametrize("rubbish", [b"", b"x", b"\x1c\0\0\0TFL2" * 100, b"\0" * 4096])
def test_what_is_no_model_is_refused(rubbish: bytes) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        Model(rubbish, SPECS["streaming"], 11)


def test_a_specification_that_contradicts_itself_is_refused() -> None:
    right = msgspec.to_builtins(SPECS["streaming"])
    for wrong, said in (
        ({"family": "autoencoder"}, "model.family"),
        ({"window_length": 0}, "model.window_length"),
        ({"window_length": 2}, "model.window_length"),
        ({"state_size": -1}, "model.state_size"),
        ({"washout": -1}, "model.washout"),
        ({"horizon": 0}, "model.horizon"),
        ({"horizon": 2, "form": "window"}, "model.horizon"),
        ({"washout_vectors": -1}, "model.washout_vectors"),
        ({"washout_vectors": 10**9}, "model.washout_vectors"),
        ({"targets": []}, "model.targets"),
        ({"targets": [1, 1]}, "model.targets"),
    ):
        with pytest.raises(msgspec.ValidationError, match=said):
            msgspec.convert(right | wrong, ModelSpec)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", SPECS)
def test_both_runtimes_compute_the_same(runtime: str, name: str) -> None:
    pytest.importorskip(RUNTIMES[runtime].split(".")[0], reason=f"{runtime} is not installed")
    expected = reference(name)
    interpreter = load_interpreter(content(name), runtime)
    inputs, outputs = tensor_indices(interpreter)
    interpreter.reset_all_variables()
    for key, index in inputs.items():
        zero = np.zeros((1, 20), np.float32)
        interpreter.set_tensor(index, zero if key == "s" else expected[key][:1])

    interpreter.invoke()

    for key, index in outputs.items():
        np.testing.assert_allclose(interpreter.get_tensor(index)[0], expected[key][0], atol=2e-6)
