"""Make the small TFLite models that the tests run, and what plain numpy says they compute.

Run from the repository's root in an environment with the trainer, after a change of the export:

    python tests/golden/make_models.py

Next to each NAME.tflite lies NAME.npz with inputs and the outputs expected of them. Those come
from the numpy reference of the network, so that a model is held against numbers that did not come
from a TFLite interpreter. The weights are random, by a fixed seed.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.networks import (
    FitHistory,
    FittedNetwork,
    LayerWeights,
    NetworkSpec,
    predict_step,
    zero_state,
)

FOLDER = Path(__file__).parent
SEED = 20
STEPS = 40


def random_network(spec: NetworkSpec, n_inputs: int, n_outputs: int) -> FittedNetwork:
    """Return a network with random weights, large enough to move, small enough to settle."""
    rng = np.random.default_rng(SEED)

    def normal(*shape: int, scale: float) -> NDArray[np.float32]:
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    layers, width = [], n_inputs
    for units in spec.layer_units:
        layers.append(
            LayerWeights(
                kernel=normal(width, 4 * units, scale=0.4),
                recurrent=normal(units, 4 * units, scale=0.3),
                bias=normal(4 * units, scale=0.1),
            )
        )
        width = units
    return FittedNetwork(
        spec=spec,
        n_inputs=n_inputs,
        n_outputs=n_outputs,
        layers=tuple(layers),
        head_kernel=normal(width, n_outputs, scale=0.3),
        head_bias=normal(n_outputs, scale=0.1),
        history=FitHistory(loss=(), val_loss=(), best_epoch=0),
        seconds=0.0,
    )


def convert_streaming(network: FittedNetwork) -> bytes:
    """Return the TFLite file of one step with the state as input and output."""
    module = tf.Module()

    @tf.function(
        input_signature=[
            tf.TensorSpec((1, network.n_inputs), tf.float32, name="x"),
            tf.TensorSpec((1, network.spec.state_size), tf.float32, name="s"),
        ]
    )
    def step(x: tf.Tensor, s: tf.Tensor) -> dict[str, tf.Tensor]:
        after, start = [], 0
        for layer in network.layers:
            h = s[:, start : start + layer.units]
            c = s[:, start + layer.units : start + 2 * layer.units]
            start += 2 * layer.units
            weights = np.concatenate((layer.kernel, layer.recurrent))
            z = tf.matmul(tf.concat((x, h), 1), weights) + layer.bias
            i, f, candidate, o = tf.split(z, 4, axis=1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(candidate)
            x = tf.sigmoid(o) * tf.tanh(c)
            after += [x, c]
        y = tf.matmul(x, network.head_kernel) + network.head_bias
        return {"y": y, "s_next": tf.concat(after, 1)}

    module.step = step
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [step.get_concrete_function()], module
    )
    content: bytes = converter.convert()
    return content


def write_streaming(name: str, n_inputs: int) -> None:
    """Write a streaming forecaster of all its inputs."""
    spec = NetworkSpec(family="forecaster", form="streaming", units=(6, 4))
    network = random_network(spec, n_inputs, n_inputs)
    (FOLDER / f"{name}.tflite").write_bytes(convert_streaming(network))
    x = np.random.default_rng(SEED + 1).standard_normal((STEPS, n_inputs)).astype(np.float32)
    y, s = np.empty_like(x), np.empty((STEPS, spec.state_size), np.float32)
    state = zero_state(network)
    for t in range(STEPS):
        y[t : t + 1], state = predict_step(network, x[t : t + 1], state)
        s[t] = state[0]
    np.savez(FOLDER / f"{name}.npz", x=x, y=y, s_next=s)


if __name__ == "__main__":
    write_streaming("streaming", 11)
