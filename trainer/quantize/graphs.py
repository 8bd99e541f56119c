"""The functions that are converted, written from raw weights; needs TensorFlow.

Imported by the converting process only.
"""

import uuid
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.networks import FittedNetwork, LayerWeights


class Graph(tf.Module):
    """A module whose ``call`` is one network; the converter needs the module to fuse layers."""

    def __init__(self, network: FittedNetwork) -> None:
        """Write the network's function."""
        super().__init__()
        width = network.n_inputs
        if network.spec.form == "streaming":
            signature = [
                tf.TensorSpec((1, width), tf.float32, name="x"),
                tf.TensorSpec((1, network.spec.state_size(network.n_inputs)), tf.float32, name="s"),
            ]
            function = _streaming(network)
        else:
            length = network.spec.window_length
            signature = [tf.TensorSpec((1, length, width), tf.float32, name="x")]
            function = _window(network)
        self.call = tf.function(function, autograph=False, input_signature=signature)


def _streaming(network: FittedNetwork) -> Any:
    """One step: x, s -> y, s_next; one matrix product of [x, h] for each layer."""
    lstm = network.spec.cell == "lstm"
    advance = _lstm_step if lstm else _gru_step
    parts = [layer.units for layer in network.layers for _ in range(2 if lstm else 1)]
    alpha = network.spec.memory_alpha
    if alpha is not None:
        parts.append(network.n_inputs)
    activate = tf.tanh if network.spec.activation == "tanh" else tf.nn.relu

    def step(x: Any, s: Any) -> dict[str, Any]:
        states = tf.split(s, parts, axis=1) if len(parts) > 1 else [s]
        after: list[Any] = []
        memory = None
        if alpha is not None:
            memory = states[-1] + np.float32(alpha) * (x - states[-1])
            x = tf.concat((x, memory), axis=1)
        for layer in network.layers:
            taken = len(after)
            after += advance(layer, x, states[taken : taken + (2 if lstm else 1)], activate)
            x = after[taken]
        if memory is not None:
            after.append(memory)
        s_next = tf.concat(after, axis=1) if len(after) > 1 else tf.identity(after[0])
        return {"y": _head(network, x, memory), "s_next": s_next}

    return step


def _lstm_step(layer: LayerWeights, x: Any, state: list[Any], activate: Any) -> list[Any]:
    h, c = state
    units = layer.units
    # Keras' order i, f, candidate, o as i, f, o, candidate: one sigmoid serves three gates
    i, f, candidate, o = np.split(np.arange(4 * units), 4)
    order = np.concatenate((i, f, o, candidate))
    kernel = np.concatenate((layer.kernel, layer.recurrent))[:, order]
    z = tf.matmul(tf.concat((x, h), axis=1), kernel) + layer.bias[order]
    gate_i, gate_f, gate_o = tf.split(tf.sigmoid(z[:, : 3 * units]), 3, axis=1)
    c = gate_f * c + gate_i * activate(z[:, 3 * units :])
    return [gate_o * activate(c), c]


def _gru_step(layer: LayerWeights, x: Any, state: list[Any], activate: Any) -> list[Any]:
    """Keras' ``reset_after`` form: the reset gate acts behind the state's matrix product.

    So the candidate's two parts stay apart: columns z, r, candidate from x, candidate from h.
    """
    (h,) = state
    units = layer.units
    gates = slice(0, 2 * units)
    rest = slice(2 * units, 3 * units)
    none_x = np.zeros((len(layer.kernel), units), dtype=np.float32)
    none_h = np.zeros((units, units), dtype=np.float32)
    from_x = np.concatenate((layer.kernel[:, gates], layer.kernel[:, rest], none_x), axis=1)
    from_h = np.concatenate((layer.recurrent[:, gates], none_h, layer.recurrent[:, rest]), axis=1)
    bias = np.concatenate(
        (layer.bias[0, gates] + layer.bias[1, gates], layer.bias[0, rest], layer.bias[1, rest])
    )
    product = tf.matmul(tf.concat((x, h), axis=1), np.concatenate((from_x, from_h))) + bias
    gate_z, gate_r = tf.split(tf.sigmoid(product[:, gates]), 2, axis=1)
    candidate_x, candidate_h = tf.split(product[:, 2 * units :], 2, axis=1)
    candidate = activate(candidate_x + gate_r * candidate_h)
    return [candidate + gate_z * (h - candidate)]


def _window(network: FittedNetwork) -> Any:
    """A whole window from zero state, every layer in a form that the converter fuses."""
    spec = network.spec

    def window(x: Any) -> dict[str, Any]:
        last = sequence = x
        length = spec.window_length
        for place in range(len(spec.layer_units)):
            if place == len(spec.units):
                length = spec.decoded_length
                sequence = last[:, tf.newaxis]
                if length > 1:
                    sequence = tf.tile(sequence, (1, length, 1))
            last, sequence = _place(network, place, sequence, length)
        if not spec.decoded_length:
            return {"y": _head(network, last)}
        rows = tf.reshape(sequence, (length, len(network.head_kernel)))
        return {"y": tf.reshape(_head(network, rows), (1, length, network.n_outputs))}

    return window


def _place(network: FittedNetwork, place: int, sequence: Any, length: int) -> tuple[Any, Any]:
    """Return last and all outputs of one layer, or of the two that read both ways."""
    directions = network.spec.directions
    layers = network.layers[place * directions : (place + 1) * directions]
    last, outputs = _fused_layer(layers[0], sequence, length)
    if directions == 1:
        return last, outputs
    back_last, back = _fused_layer(layers[1], tf.reverse(sequence, (1,)), length)
    both = tf.concat((outputs, tf.reverse(back, (1,))), axis=2)
    return tf.concat((last, back_last), axis=1), both


def _fused_layer(layer: LayerWeights, sequence: Any, length: int) -> tuple[Any, Any]:
    """Return the last output (1, units) and all outputs (1, length, units) of an LSTM layer.

    The converter replaces a function with this attribute and these arguments by one operator. Of
    the body it takes the types and shapes only, so a single step is written here: unrolled, the
    conversion would take ten times as long.
    """

    def body(
        inputs: Any,
        init_h: Any,
        init_c: Any,
        kernel: Any,
        recurrent_kernel: Any,
        bias: Any,
    ) -> tuple[Any, ...]:
        z = tf.matmul(inputs[:, 0], kernel) + tf.matmul(init_h, recurrent_kernel) + bias
        i, f, candidate, o = tf.split(z, 4, axis=1)
        c = tf.sigmoid(f) * init_c + tf.sigmoid(i) * tf.tanh(candidate)
        h = tf.sigmoid(o) * tf.tanh(c)
        outputs = tf.tile(h[:, tf.newaxis], (1, length, 1))
        return h, outputs, h, c, tf.constant(0.0)

    fused = tf.function(
        body,
        autograph=False,
        experimental_attributes={
            "api_implements": f"lstm_{uuid.uuid4()}",
            "time_major": False,
            "go_backwards": False,
        },
    )
    zeros = tf.zeros((1, layer.units))
    weights: list[NDArray[np.float32]] = [layer.kernel, layer.recurrent, layer.bias]
    last, outputs, *_ = fused(sequence, zeros, zeros, *(tf.constant(array) for array in weights))
    return last, outputs


def _head(network: FittedNetwork, hidden: Any, memory: Any = None) -> Any:
    linear = tf.matmul(hidden, network.head_kernel) + network.head_bias
    if memory is not None:
        linear = memory + linear
    bound = network.spec.output_bound
    if bound is None:
        return linear
    return tf.maximum(tf.minimum(linear, np.float32(bound)), -np.float32(bound))
