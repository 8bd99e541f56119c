"""Make the small TFLite models that the tests run, and what plain numpy says they compute.

Run from the repository's root in an environment with the trainer, after a change of the export:

    python tests/golden/make_models.py

Next to each NAME.tflite lies NAME.npz with inputs and the outputs expected of them. Those come
from the numpy reference of the network, so that a model is held against numbers that did not come
from a TFLite interpreter. The weights are random, by a fixed seed.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.networks import (
    FitHistory,
    FittedNetwork,
    LayerWeights,
    NetworkSpec,
    predict_step,
    predict_windows,
    zero_state,
)
from trainer.quantize import export_tflite

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
        layers += [
            LayerWeights(
                kernel=normal(width, 4 * units, scale=0.4),
                recurrent=normal(units, 4 * units, scale=0.3),
                bias=normal(4 * units, scale=0.1),
            )
            for _ in range(spec.directions)
        ]
        width = units * spec.directions
    return FittedNetwork(
        spec=spec,
        n_inputs=n_inputs,
        n_outputs=n_outputs,
        layers=tuple(layers),
        head_kernel=normal(width, spec.heads * n_outputs, scale=0.3),
        head_bias=normal(spec.heads * n_outputs, scale=0.1),
        history=FitHistory(loss=(), val_loss=(), best_epoch=0),
        seconds=0.0,
    )


def write(name: str, spec: NetworkSpec, n_inputs: int) -> None:
    """Write a network that predicts all its inputs, and what it makes of normal numbers."""
    network = random_network(spec, n_inputs, n_inputs)
    (FOLDER / f"{name}.tflite").write_bytes(export_tflite(network, "float32", None).model)
    rng = np.random.default_rng(SEED + 1)
    if spec.form == "window":
        windows = rng.standard_normal((STEPS, spec.window_length, n_inputs)).astype(np.float32)
        np.savez(FOLDER / f"{name}.npz", x=windows, y=predict_windows(network, windows))
        return
    x = rng.standard_normal((STEPS, n_inputs)).astype(np.float32)
    y, s = np.empty_like(x), np.empty((STEPS, spec.state_size(n_inputs)), np.float32)
    state = zero_state(network)
    for t in range(STEPS):
        y[t : t + 1], state = predict_step(network, x[t : t + 1], state)
        s[t] = state[0]
    np.savez(FOLDER / f"{name}.npz", x=x, y=y, s_next=s)


if __name__ == "__main__":
    write("streaming", NetworkSpec(family="forecaster", form="streaming", units=(6, 4)), 11)
    write(
        "window_forecaster",
        NetworkSpec(family="forecaster", form="window", units=(5, 3), window_length=8),
        4,
    )
    write(
        "window_autoencoder",
        NetworkSpec(family="autoencoder", form="window", units=(4, 2), window_length=6),
        3,
    )
    write(
        "window_quantiles",
        NetworkSpec(
            family="forecaster",
            form="window",
            units=(4, 3),
            bidirectional=True,
            window_length=7,
            quantiles=(0.1, 0.5, 0.9),
        ),
        3,
    )
    write(
        "forecast_reconstruct",
        NetworkSpec(
            family="forecast_reconstruct",
            form="window",
            units=(4,),
            bidirectional=True,
            window_length=6,
        ),
        3,
    )
