"""Networks with random weights, healthy vectors, and a process in which TensorFlow may live.

TensorFlow and tflite-runtime cannot share a process, and other tests load models in this one.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.networks import FitHistory, FittedNetwork, LayerWeights, NetworkSpec
from trainer.networks.fitted import expected_shapes

MakeNetwork = Callable[..., FittedNetwork]


def _random_network(
    spec: NetworkSpec, n_inputs: int, n_outputs: int, scale: float = 0.3
) -> FittedNetwork:
    rng = np.random.default_rng(7)
    arrays = {
        name: (scale * rng.standard_normal(shape)).astype(np.float32)
        for name, shape in expected_shapes(spec, n_inputs, n_outputs).items()
    }
    return FittedNetwork(
        spec=spec,
        n_inputs=n_inputs,
        n_outputs=n_outputs,
        layers=tuple(
            LayerWeights(*(arrays[f"layer{n}_{part}"] for part in ("kernel", "recurrent", "bias")))
            for n in range(len(spec.layer_units))
        ),
        head_kernel=arrays["head_kernel"],
        head_bias=arrays["head_bias"],
        history=FitHistory(loss=(), val_loss=(), best_epoch=0),
        seconds=0.0,
    )


@pytest.fixture(scope="session")
def random_network() -> MakeNetwork:
    """``random_network(spec, n_inputs, n_outputs, scale=0.3)``."""
    return _random_network


@pytest.fixture(scope="session")
def vectors() -> NDArray[np.float32]:
    """Scaled vectors as a healthy machine gives them, float32 (400, 11)."""
    rng = np.random.default_rng(3)
    steps = np.arange(400)[:, None]
    waves = np.sin(steps / (5.0 + np.arange(11)))
    vectors: NDArray[np.float32] = (waves + 0.4 * rng.standard_normal((400, 11))).astype(np.float32)
    return vectors


@pytest.fixture(scope="session")
def tensorflow() -> None:
    """Skip where the extra is not installed; nothing is imported here."""
    if find_spec("tensorflow") is None:
        pytest.skip("needs the extra 'trainer'")


@pytest.fixture(scope="session")
def elsewhere(tensorflow: None) -> Iterator[Callable[..., Any]]:
    """``elsewhere(function, *arguments)``: its result, from the process that has TensorFlow."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        # the pool's threads start now: they belong to no single test
        pool.submit(int).result()

        def call(function: Callable[..., Any], *arguments: Any) -> Any:
            return pool.submit(function, *arguments).result()

        yield call
