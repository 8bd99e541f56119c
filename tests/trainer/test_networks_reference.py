"""The numpy reference computes what Keras computes: the losses of a fit come from Keras."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.fit import FitSpec, fit_network
from trainer.networks import (
    FittedNetwork,
    NetworkError,
    NetworkSpec,
    predict_stream,
    predict_windows,
)

LSTM = NetworkSpec(family="forecaster", form="streaming", units=(12, 6), dropout=0.1)
STREAMING = [
    LSTM,
    NetworkSpec(family="forecaster", form="streaming", units=(8,), memory_alpha=0.1),
    NetworkSpec(family="forecaster", form="streaming", cell="gru", units=(10, 5)),
    NetworkSpec(family="forecaster", form="streaming", units=(8,), linear_in=5, linear_out=7),
    NetworkSpec(
        family="forecaster", form="streaming", cell="gru", units=(8,), dropout=0.2, linear_in=5
    ),
]
QUANTILES = (0.1, 0.5, 0.9)
FORECASTER = NetworkSpec(family="forecaster", form="window", units=(6, 5), window_length=20)
FORECASTERS = [
    FORECASTER,
    msgspec.structs.replace(FORECASTER, bidirectional=True, dropout=0.2),
    msgspec.structs.replace(FORECASTER, linear_in=4, linear_out=9, bidirectional=True),
]
AUTOENCODERS = [
    NetworkSpec(family="autoencoder", form="window", units=(16, 4), activation="relu"),
    NetworkSpec(family="autoencoder", form="window", units=(8, 4), window_length=12),
    NetworkSpec(
        family="autoencoder", form="window", units=(8,), window_length=9, bidirectional=True
    ),
]
FIT = FitSpec(
    epochs=2,
    batch_size=16,
    learning_rate=0.02,
    sequence_length=40,
    washout=15,
    validation_share=0.3,
)


# what is carried from chunk to chunk is the cells' business, whatever stands around them
@pytest.mark.parametrize(
    ("spec", "stateful"),
    [*((spec, False) for spec in STREAMING), *((spec, True) for spec in STREAMING[:3])],
)
def test_streaming_agrees_with_keras(
    elsewhere: Callable[..., Any],
    vectors: NDArray[np.float32],
    spec: NetworkSpec,
    *,
    stateful: bool,
) -> None:
    fit = msgspec.structs.replace(FIT, stateful=stateful)
    network = elsewhere(fit_network, spec, fit, vectors, vectors, [slice(0, 400)])
    first = 399 - round(0.3 * 399)
    # validation starts from zero state and washes it out
    start = first - 15
    if spec.memory_alpha is None:
        predictions, _ = predict_stream(network, vectors[start:])
    else:
        predictions = _with_memory_from_the_start(network, vectors, start)
    error = predictions[15:-1] - vectors[first + 1 :]
    assert network.history.val_loss[-1] == pytest.approx(np.mean(error**2), rel=3e-6)


def _with_memory_from_the_start(
    network: FittedNetwork, vectors: NDArray[np.float32], start: int
) -> NDArray[np.float32]:
    """Predictions from ``start`` on: cells from zero, memory of all vectors before."""
    _, state = predict_stream(network, vectors[:start])
    state[:, : -network.n_inputs] = 0.0
    return predict_stream(network, vectors[start:], state)[0]


@pytest.mark.parametrize("spec", FORECASTERS)
def test_a_window_forecaster_agrees_with_keras(
    elsewhere: Callable[..., Any], vectors: NDArray[np.float32], spec: NetworkSpec
) -> None:
    network = elsewhere(fit_network, spec, FIT, vectors, vectors[:, :2], [slice(0, 400)])
    held_back = range(380 - round(0.3 * 380), 380)
    windows = np.stack([vectors[start : start + 20] for start in held_back])
    error = predict_windows(network, windows) - vectors[held_back.start + 20 :, :2]
    assert network.n_outputs == 2
    assert network.history.val_loss[-1] == pytest.approx(np.mean(error**2), rel=3e-6)


def test_quantiles_agree_with_keras(
    elsewhere: Callable[..., Any], vectors: NDArray[np.float32]
) -> None:
    spec = msgspec.structs.replace(FORECASTER, quantiles=QUANTILES)
    fit = msgspec.structs.replace(FIT, loss="pinball")
    network = elsewhere(fit_network, spec, fit, vectors, vectors[:, :2], [slice(0, 400)])
    held_back = range(380 - round(0.3 * 380), 380)
    windows = np.stack([vectors[start : start + 20] for start in held_back])
    predictions = predict_windows(network, windows).reshape(len(windows), 3, 2)
    over = vectors[held_back.start + 20 :, None, :2] - predictions
    levels = np.array(QUANTILES)[:, None]
    pinball = np.where(over > 0.0, levels * over, (levels - 1.0) * over)
    assert network.history.val_loss[-1] == pytest.approx(np.mean(pinball), rel=3e-6)


def test_what_forecasts_and_reconstructs_agrees_with_keras(
    elsewhere: Callable[..., Any], vectors: NDArray[np.float32]
) -> None:
    spec = NetworkSpec(
        family="forecast_reconstruct",
        form="window",
        units=(6,),
        window_length=12,
        bidirectional=True,
    )
    fit = msgspec.structs.replace(FIT, forecast_share=0.25)
    network = elsewhere(fit_network, spec, fit, vectors, vectors, [slice(0, 400)])
    total = 400 - 12
    held_back = range(total - round(0.3 * total), total)
    windows = np.stack([vectors[start : start + 13] for start in held_back])
    error = np.mean((predict_windows(network, windows[:, :12]) - windows) ** 2, axis=(0, 2))
    expected = 0.75 * error[:12].mean() + 0.25 * error[12]
    assert network.history.val_loss[-1] == pytest.approx(expected, rel=3e-6)


@pytest.mark.parametrize("spec", AUTOENCODERS)
def test_an_autoencoder_agrees_with_keras(
    elsewhere: Callable[..., Any], vectors: NDArray[np.float32], spec: NetworkSpec
) -> None:
    network = elsewhere(fit_network, spec, FIT, vectors, vectors, [slice(0, 400)])
    length = spec.window_length
    total = 400 - length + 1
    held_back = range(total - round(0.3 * total), total)
    windows = np.stack([vectors[start : start + length] for start in held_back])
    error = predict_windows(network, windows) - windows
    assert network.history.val_loss[-1] == pytest.approx(np.mean(error**2), rel=3e-6)


def test_a_stream_may_be_cut_anywhere(random_network: Any, vectors: NDArray[np.float32]) -> None:
    network = random_network(STREAMING[1], 11, 11)
    whole, end = predict_stream(network, vectors[:50])
    first, state = predict_stream(network, vectors[:20])
    second, last = predict_stream(network, vectors[20:50], state)
    np.testing.assert_array_equal(whole, np.concatenate((first, second)))
    np.testing.assert_array_equal(end, last)


def test_predictions_do_not_leave_their_bound(
    random_network: Any, vectors: NDArray[np.float32]
) -> None:
    bounded = msgspec.structs.replace(STREAMING[1], output_bound=0.5)
    free, _ = predict_stream(random_network(STREAMING[1], 11, 11), 4.0 * vectors)
    cut, _ = predict_stream(random_network(bounded, 11, 11), 4.0 * vectors)
    assert np.abs(free).max() > 0.5
    np.testing.assert_array_equal(cut, np.clip(free, -0.5, 0.5))


def test_inputs_of_another_width_are_refused(
    random_network: Any, vectors: NDArray[np.float32]
) -> None:
    with pytest.raises(NetworkError, match="11 numbers in the last"):
        predict_stream(random_network(LSTM, 11, 11), vectors[:, :4])
    with pytest.raises(NetworkError, match="20 are allowed"):
        predict_windows(random_network(FORECASTER, 11, 11), vectors[None, :19])
