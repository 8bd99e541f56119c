"""Make the TFLite files beside this one, with the trainer's own export.

Run from the repository's root in an environment with the trainer, after a change of the export:

    python -m benchmarks.models.make_models
"""

from pathlib import Path

import numpy as np

from trainer.networks import FitHistory, FittedNetwork, LayerWeights, NetworkSpec
from trainer.networks.fitted import expected_shapes
from trainer.quantize import export_tflite
from trainer.quantize.model import Quantization
from trainer.recipe import load_recipe

FOLDER = Path(__file__).parent
SEED = 8_32_15
N_FEATURES = 11
PER_CHANNEL = 13  # features of the default recipe
WINDOW = 50


def random_network(spec: NetworkSpec, n_features: int) -> FittedNetwork:
    """Return a network of small random weights that predicts all its inputs."""
    rng = np.random.default_rng(SEED)
    arrays = {
        name: (0.3 * rng.standard_normal(shape)).astype(np.float32)
        for name, shape in expected_shapes(spec, n_features, n_features).items()
    }
    return FittedNetwork(
        spec=spec,
        n_inputs=n_features,
        n_outputs=n_features,
        layers=tuple(
            LayerWeights(*(arrays[f"layer{i}_{part}"] for part in ("kernel", "recurrent", "bias")))
            for i in range(len(spec.layer_units))
        ),
        head_kernel=arrays["head_kernel"],
        head_bias=arrays["head_bias"],
        history=FitHistory(loss=(), val_loss=(), best_epoch=0),
        seconds=0.0,
    )


def write(name: str, network: FittedNetwork, quantization: Quantization) -> None:
    """Write one model."""
    model = export_tflite(network, quantization, None).model
    (FOLDER / f"{name}.tflite").write_bytes(model)


def main() -> None:
    """Write all models, and the weights of the first for the numpy reference."""
    units = (8, 32, 15)
    streaming = NetworkSpec(family="forecaster", form="streaming", units=units)
    window = NetworkSpec(family="forecaster", form="window", units=units, window_length=WINDOW)
    network = random_network(streaming, N_FEATURES)
    write("step_8_32_15", network, "dynamic")
    np.savez(FOLDER / "step_8_32_15.npz", **network.arrays())
    write("window_8_32_15", random_network(window, N_FEATURES), "float32")
    default = load_recipe("default").network
    assert default is not None  # noqa: S101 - this recipe has one
    for channels in (1, 4):
        network = random_network(default, PER_CHANNEL * channels)
        write(f"default_{channels}", network, "dynamic")


if __name__ == "__main__":
    main()
