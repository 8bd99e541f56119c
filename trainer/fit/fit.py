"""Fit a network to the healthy part of a recording."""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.fit.batches import FitError, plan_fit
from trainer.fit.keras_network import build_network, load_tensorflow, read_weights
from trainer.fit.loop import Loop, Progress
from trainer.fit.loss import require_fitting
from trainer.fit.memory import with_memory
from trainer.fit.spec import FitSpec
from trainer.networks import FittedNetwork, NetworkSpec


def fit_network(
    spec: NetworkSpec,
    fit: FitSpec,
    inputs: NDArray[np.float32],
    targets: NDArray[np.float32],
    segments: Sequence[slice],
    progress: Progress | None = None,
) -> FittedNetwork:
    """Fit a network; the same arguments give the same weights, bit for bit.

    Row t of ``targets`` belongs to row t of ``inputs`` (often they are the same array): a
    streaming forecaster learns targets[t + 1] from the inputs up to t, a window forecaster
    targets[i + L] from inputs[i : i + L], an autoencoder targets[i : i + L] from the same, and
    what does both targets[i : i + L + 1].

    Args:
        spec: the network.
        fit: how to fit it.
        inputs: float32 (n, F), scaled.
        targets: float32 (n, O), scaled.
        segments: runs of rows without a gap between them.
        progress: called after each epoch with its number from 1, the number of epochs, its
            loss and its validation loss (None where nothing is held back).

    Raises:
        FitError: the data do not fit the network, are too few, or the loss is not finite.
    """
    _check(inputs, targets)
    training, validation = plan_fit(spec, fit, segments, len(inputs))
    n_inputs, n_outputs = inputs.shape[1], targets.shape[1]
    require_fitting(spec, fit, n_inputs, n_outputs)
    if spec.memory_alpha is not None:
        inputs, targets = with_memory(spec.memory_alpha, inputs, targets, segments)
    tf, keras = load_tensorflow()
    started = time.perf_counter()
    keras.utils.set_random_seed(fit.seed)
    tf.config.experimental.enable_op_determinism()
    kept = spec.heads * n_outputs
    model = build_network(keras, spec, inputs.shape[1], kept * fit.lookahead)
    loop = Loop(tf, keras, model, spec, fit, inputs, targets)
    try:
        history = loop.run(training, validation, progress)
        layers, head_kernel, head_bias = read_weights(model)
    finally:
        keras.backend.clear_session()
    return FittedNetwork(
        spec=spec,
        n_inputs=n_inputs,
        n_outputs=n_outputs,
        layers=layers,
        head_kernel=head_kernel[:, :kept],
        head_bias=head_bias[:kept],
        history=history,
        seconds=time.perf_counter() - started,
    )


def _check(inputs: NDArray[np.float32], targets: NDArray[np.float32]) -> None:
    for name, array in (("inputs", inputs), ("targets", targets)):
        if array.ndim != 2 or array.dtype != np.float32:  # noqa: PLR2004 - rows and columns
            message = f"{name} are {array.dtype} {array.shape}; float32 (n, numbers) is allowed"
            raise FitError(message)
        if not np.isfinite(array).all():
            message = f"{name} hold numbers that are not finite"
            raise FitError(message)
    if len(inputs) != len(targets):
        message = f"there are {len(inputs)} rows of inputs and {len(targets)} of targets"
        raise FitError(message)
