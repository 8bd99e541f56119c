"""What a fitted network computes, in plain float32 numpy: the reference for every export.

The formulas are those of Keras' LSTM and GRU (``reset_after``) layers; a test holds the two
against each other.
"""

import numpy as np
from numpy.typing import NDArray

from trainer.networks.fitted import FittedNetwork, LayerWeights, NetworkError
from trainer.networks.spec import NetworkSpec

Array = NDArray[np.float32]


def zero_state(network: FittedNetwork, n_streams: int = 1) -> Array:
    """State of a streaming network that has seen nothing, float32 (n_streams, S)."""
    return np.zeros((n_streams, network.spec.state_size(network.n_inputs)), dtype=np.float32)


def predict_step(network: FittedNetwork, x: Array, state: Array) -> tuple[Array, Array]:
    """Advance a streaming network by one vector.

    Args:
        network: of the streaming form.
        x: float32 (n_streams, F).
        state: float32 (n_streams, S), packed as h1, c1, h2, c2, ... (LSTM) or h1, h2, ... (GRU),
            then the memory where the network has one.

    Returns:
        The prediction, float32 (n_streams, heads * O), and the next state.
    """
    spec = network.spec
    parts: list[Array] = []
    start = 0
    memory: Array | None = None
    if spec.memory_alpha is not None:
        memory = remember(state[:, -network.n_inputs :], x, spec.memory_alpha)
        x = np.concatenate((x, memory), axis=1)
    for layer in network.layers:
        width = layer.units * (2 if spec.cell == "lstm" else 1)
        packed = state[:, start : start + width]
        start += width
        after = _advance(spec, layer, x, packed)
        parts.append(after)
        x = after[:, : layer.units]
    if memory is not None:
        parts.append(memory)
    return _head(network, x, memory), np.concatenate(parts, axis=1)


def remember(memory: Array, x: Array, alpha: float) -> Array:
    """Return the slow memory after ``x``, float32 of its shape."""
    moved: Array = memory + np.float32(alpha) * (x - memory)
    return moved


def predict_stream(
    network: FittedNetwork, inputs: Array, state: Array | None = None
) -> tuple[Array, Array]:
    """Predict from each vector of a run, the state carried from one to the next.

    Args:
        network: of the streaming form.
        inputs: float32 (n, F), consecutive.
        state: float32 (1, S), zero where None.

    Returns:
        Predictions, float32 (n, heads * O) (row t is made from the vectors up to t), and the state
        after the last vector.

    Raises:
        NetworkError: the network is of another form or the vectors of another width.
    """
    _require(network, "streaming", inputs, 2)
    current = zero_state(network) if state is None else state
    outputs = np.empty((len(inputs), len(network.head_bias)), dtype=np.float32)
    for row in range(len(inputs)):
        y, current = predict_step(network, inputs[row : row + 1], current)
        outputs[row] = y[0]
    return outputs, current


def predict_windows(network: FittedNetwork, windows: Array) -> Array:
    """Predict from windows, each from zero state.

    Args:
        network: of the window form.
        windows: float32 (n, window_length, F).

    Returns:
        float32 (n, heads * O) for a forecaster, (n, decoded_length, O) where there is a decoder:
        the window again, and the vector after it from ``forecast_reconstruct``.

    Raises:
        NetworkError: the network is of another form or the windows of another shape.
    """
    _require(network, "window", windows, 3)
    length = network.spec.window_length
    if windows.shape[1] != length:
        message = f"windows hold {windows.shape[1]} vectors; {length} are allowed"
        raise NetworkError(message)
    last = sequence = windows
    for place in range(len(network.spec.units)):
        last, sequence = _run_place(network, place, sequence)
    if not network.spec.decoded_length:
        return _head(network, last)
    sequence = np.repeat(last[:, None], network.spec.decoded_length, axis=1)
    for place in range(len(network.spec.units), len(network.spec.layer_units)):
        _, sequence = _run_place(network, place, sequence)
    return _head(network, sequence)


def predict_passes(
    network: FittedNetwork, windows: Array, passes: int, rng: np.random.Generator
) -> Array:
    """Predict from windows over and over, with the dropout of the fit still in use.

    Every pass drops other outputs of the recurrent layers, at every step anew, where the fit drops
    them, and makes up for it in those that are left, so that their mean stays (Y. Gal and
    Z. Ghahramani, "Dropout as a Bayesian Approximation", ICML 2016). What comes before the first
    dropout is the same in every pass and is computed once.

    Args:
        network: a forecaster of the window form without ``linear_in``, whose dropout is gone with
            it.
        windows: float32 (n, window_length, F).
        passes: at least 1.
        rng: of what is dropped.

    Returns:
        float32 (passes, n, heads * O).

    Raises:
        NetworkError: the network is another one or the windows of another shape.
    """
    _require(network, "window", windows, 3)
    spec = network.spec
    if spec.decoded_length or spec.linear_in is not None:
        message = (
            f"the network is of family '{spec.family}', linear_in {spec.linear_in}; a forecaster "
            "without is allowed here"
        )
        raise NetworkError(message)
    n, repeated = len(windows), 1
    last = sequence = windows
    for place, share in enumerate(spec.dropouts):
        last, sequence = _run_place(network, place, sequence)
        if share > 0.0:
            times, repeated = passes // repeated, passes
            if place == len(spec.units) - 1:
                last = _dropped(last, share, times, rng)
            else:
                sequence = _dropped(sequence, share, times, rng)
    outputs = _head(network, last)
    return np.repeat(outputs.reshape(n, repeated, -1), passes // repeated, axis=1).swapaxes(0, 1)


def _dropped(outputs: Array, share: float, times: int, rng: np.random.Generator) -> Array:
    """Repeat each of ``outputs`` (n, ...) and drop a ``share`` of the numbers: (n * times, ...)."""
    kept = rng.random((len(outputs), times, *outputs.shape[1:]), dtype=np.float32) >= share
    dropped: Array = (outputs * np.float32(1.0 / (1.0 - share)))[:, None] * kept
    return dropped.reshape(-1, *outputs.shape[1:])


def _require(network: FittedNetwork, form: str, given: Array, dimensions: int) -> None:
    if network.spec.form != form:
        message = f"the network has the form '{network.spec.form}'; '{form}' is allowed here"
        raise NetworkError(message)
    if given.ndim != dimensions or given.shape[-1] != network.n_inputs:
        message = (
            f"the inputs have the shape {given.shape}; {dimensions} dimensions with "
            f"{network.n_inputs} numbers in the last are allowed"
        )
        raise NetworkError(message)


def _run_place(network: FittedNetwork, place: int, sequence: Array) -> tuple[Array, Array]:
    """Run what stands at one place of the stack: last outputs (n, w), all (n, length, w).

    A layer that reads backwards has read everything where the sequence begins.
    """
    directions = network.spec.directions
    layers = network.layers[place * directions : (place + 1) * directions]
    forwards = _run_layer(network.spec, layers[0], sequence)
    if directions == 1:
        return forwards[:, -1], forwards
    backwards = _run_layer(network.spec, layers[1], sequence[:, ::-1])
    last = np.concatenate((forwards[:, -1], backwards[:, -1]), axis=1)
    return last, np.concatenate((forwards, backwards[:, ::-1]), axis=2)


def _run_layer(spec: NetworkSpec, layer: LayerWeights, sequence: Array) -> Array:
    """Run an LSTM layer over (n, length, inputs) from zero state: (n, length, units)."""
    n, length, _ = sequence.shape
    packed = np.zeros((n, 2 * layer.units), dtype=np.float32)
    outputs = np.empty((n, length, layer.units), dtype=np.float32)
    for step in range(length):
        packed = _advance(spec, layer, sequence[:, step], packed)
        outputs[:, step] = packed[:, : layer.units]
    return outputs


def _advance(spec: NetworkSpec, layer: LayerWeights, x: Array, packed: Array) -> Array:
    """Return the layer's next packed state: h, c for an LSTM, h for a GRU."""
    if spec.cell == "lstm":
        return _advance_lstm(spec, layer, x, packed)
    return _advance_gru(spec, layer, x, packed)


def _advance_lstm(spec: NetworkSpec, layer: LayerWeights, x: Array, packed: Array) -> Array:
    units = layer.units
    h, c = packed[:, :units], packed[:, units:]
    z = x @ layer.kernel + h @ layer.recurrent + layer.bias
    i, f, candidate, o = (z[:, k * units : (k + 1) * units] for k in range(4))
    c = _sigmoid(f) * c + _sigmoid(i) * _activate(spec, candidate)
    h = _sigmoid(o) * _activate(spec, c)
    return np.concatenate((h, c), axis=1)


def _advance_gru(spec: NetworkSpec, layer: LayerWeights, x: Array, packed: Array) -> Array:
    units = layer.units
    from_input = x @ layer.kernel + layer.bias[0]
    from_state = packed @ layer.recurrent + layer.bias[1]
    gates = _sigmoid(from_input[:, : 2 * units] + from_state[:, : 2 * units])
    z, r = gates[:, :units], gates[:, units:]
    candidate = _activate(spec, from_input[:, 2 * units :] + r * from_state[:, 2 * units :])
    after: Array = z * packed + (1.0 - z) * candidate
    return after


def _head(network: FittedNetwork, hidden: Array, memory: Array | None = None) -> Array:
    linear: Array = hidden @ network.head_kernel + network.head_bias
    if memory is not None:
        linear = memory + linear
    bound = network.spec.output_bound
    return linear if bound is None else np.clip(linear, -np.float32(bound), np.float32(bound))


def _sigmoid(z: Array) -> Array:
    # tanh does not overflow where exp(-z) would
    half = np.float32(0.5)
    result: Array = half * np.tanh(half * z) + half
    return result


def _activate(spec: NetworkSpec, z: Array) -> Array:
    result: Array = np.tanh(z) if spec.activation == "tanh" else np.maximum(z, np.float32(0.0))
    return result
