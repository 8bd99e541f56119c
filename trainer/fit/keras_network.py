"""TensorFlow and Keras, loaded on demand, and a network built with them."""

import contextlib
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.fit.batches import FitError
from trainer.networks import LayerWeights, NetworkSpec

# the networks are tiny: more threads than this wait for each other
_MAX_THREADS = 2


def load_tensorflow() -> tuple[Any, Any]:
    """Import TensorFlow and Keras, quiet, on few threads, with deterministic operations.

    Returns:
        The modules ``tensorflow`` and ``keras``.

    Raises:
        FitError: the extra is not installed, or Keras runs on another backend.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        import keras
        import tensorflow as tf
    except ImportError as error:
        message = (
            "fitting a network needs the extra 'trainer': pip install 'edge-agent[trainer]' "
            f"({error})"
        )
        raise FitError(message) from error
    if keras.backend.backend() != "tensorflow":
        message = f"keras runs on '{keras.backend.backend()}'; KERAS_BACKEND=tensorflow is needed"
        raise FitError(message)
    if tf.config.threading.get_intra_op_parallelism_threads() == 0:
        # refused once TensorFlow has run anything: then its own choice stands
        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(_MAX_THREADS)
            tf.config.threading.set_inter_op_parallelism_threads(1)
    return tf, keras


def build_network(keras: Any, spec: NetworkSpec, n_inputs: int, n_outputs: int) -> Any:
    """Build the network for fitting.

    Window networks map (batch, L, F) to (batch, O) or, with a decoder, (batch, rows, O).
    Streaming networks map a sequence (batch, T, F) and the layers' states to a list of the
    predictions (batch, T, O) and the states after the last step. ``n_outputs`` is that O: all
    numbers of the output layer.
    """
    if spec.form == "window":
        return _build_window(keras, spec, n_inputs, n_outputs)
    return _build_streaming(keras, spec, n_inputs, n_outputs)


def read_weights(
    model: Any,
) -> tuple[tuple[LayerWeights, ...], NDArray[np.float32], NDArray[np.float32]]:
    """Return the recurrent layers' weights in order, the head's kernel and its bias.

    Linear layers before and behind them are multiplied into their neighbours.
    """
    layers: list[LayerWeights] = []
    dense: dict[str, list[NDArray[np.float32]]] = {}
    for layer in model.layers:
        arrays = [np.asarray(array, dtype=np.float32) for array in layer.get_weights()]
        if layer.name.startswith("layer"):
            layers += [LayerWeights(*arrays[i : i + 3]) for i in range(0, len(arrays), 3)]
        elif arrays:
            dense[layer.name] = arrays
    if "linear_in" in dense:
        first = len(model.get_layer("layer0").get_weights()) // 3
        layers[:first] = [_behind(dense["linear_in"], layer) for layer in layers[:first]]
    kernel, bias = dense["head"]
    if "linear_out" in dense:
        before, offset = dense["linear_out"]
        kernel, bias = before @ kernel, offset @ kernel + bias
    return tuple(layers), kernel, bias


def _behind(linear: list[NDArray[np.float32]], layer: LayerWeights) -> LayerWeights:
    """Return a layer that takes what the linear layer takes which stands before it now."""
    kernel, bias = linear
    moved = layer.bias.copy()
    moved[... if moved.ndim == 1 else 0] += bias @ layer.kernel  # a GRU's first row is the inputs'
    return LayerWeights(kernel @ layer.kernel, layer.recurrent, moved)


def _build_window(keras: Any, spec: NetworkSpec, n_inputs: int, n_outputs: int) -> Any:
    inputs = keras.Input((spec.window_length, n_inputs))
    sequence = _entered(keras, spec, inputs)
    encoder = len(spec.units)
    for number, dropout in enumerate(spec.layer_dropouts):
        layer = _recurrent_layer(keras, spec, number, return_sequences=number != encoder - 1)
        sequence = _dropped(keras, layer(sequence), dropout)
        if spec.decoded_length and number == encoder - 1:
            sequence = keras.layers.RepeatVector(spec.decoded_length)(sequence)
    return keras.Model(inputs, _head(keras, spec, sequence, n_outputs))


def _build_streaming(keras: Any, spec: NetworkSpec, n_inputs: int, n_outputs: int) -> Any:
    inputs = keras.Input((None, n_inputs))
    sequence = _entered(keras, spec, inputs)
    before, after = [], []
    for number, dropout in enumerate(spec.layer_dropouts):
        parts = 2 if spec.cell == "lstm" else 1
        state = [keras.Input((spec.units[number],)) for _ in range(parts)]
        layer = _recurrent_layer(keras, spec, number, return_sequences=True, return_state=True)
        sequence, *states = layer(sequence, initial_state=state)
        before += state
        after += states
        sequence = _dropped(keras, sequence, dropout)
    return keras.Model([inputs, *before], [_head(keras, spec, sequence, n_outputs), *after])


def _entered(keras: Any, spec: NetworkSpec, inputs: Any) -> Any:
    if spec.linear_in is None:
        return inputs
    linear = keras.layers.Dense(spec.linear_in, name="linear_in")(inputs)
    return _dropped(keras, linear, spec.dropouts[0])


def _recurrent_layer(keras: Any, spec: NetworkSpec, number: int, **options: bool) -> Any:
    kind = keras.layers.LSTM if spec.cell == "lstm" else keras.layers.GRU
    units, name = spec.layer_units[number], f"layer{number}"
    # a loop around a single step costs more than the step
    single = spec.form == "window" and spec.window_length == 1
    layer = kind(units, activation=spec.activation, name=name, unroll=single, **options)
    return keras.layers.Bidirectional(layer, name=name) if spec.bidirectional else layer


def _dropped(keras: Any, sequence: Any, share: float) -> Any:
    return keras.layers.Dropout(share)(sequence) if share > 0.0 else sequence


def _head(keras: Any, spec: NetworkSpec, hidden: Any, n_outputs: int) -> Any:
    if spec.linear_out is not None:
        hidden = keras.layers.Dense(spec.linear_out, name="linear_out")(hidden)
    # zero at first where there is a memory: the fit begins at the forecast "as it was lately"
    start = "glorot_uniform" if spec.memory_alpha is None else "zeros"
    return keras.layers.Dense(n_outputs, kernel_initializer=start, name="head")(hidden)
