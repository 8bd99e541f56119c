"""Fit a network to the healthy part of a recording."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.fit.batches import Batch, FitError, Plan, plan_fit
from trainer.fit.keras_network import build_network, load_tensorflow, read_weights
from trainer.fit.memory import with_memory
from trainer.fit.spec import FitSpec
from trainer.networks import FitHistory, FittedNetwork, NetworkSpec

Progress = Callable[[int, int, float, float | None], None]


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
    targets[i + L] from inputs[i : i + L], an autoencoder targets[i : i + L] from the same.

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
    if spec.memory_alpha is not None:
        inputs, targets = with_memory(spec.memory_alpha, inputs, targets, segments)
    tf, keras = load_tensorflow()
    started = time.perf_counter()
    keras.utils.set_random_seed(fit.seed)
    tf.config.experimental.enable_op_determinism()
    model = build_network(keras, spec, inputs.shape[1], n_outputs)
    loop = _Loop(tf, keras, model, spec, fit, inputs, targets)
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
        head_kernel=head_kernel,
        head_bias=head_bias,
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


class _Loop:
    """The epochs: compiled steps, early stopping, the best weights."""

    def __init__(
        self,
        tf: Any,
        keras: Any,
        model: Any,
        spec: NetworkSpec,
        fit: FitSpec,
        inputs: NDArray[np.float32],
        targets: NDArray[np.float32],
    ) -> None:
        self._tf = tf
        self._model = model
        self._fit = fit
        self._spec = spec
        self._data = (tf.constant(inputs), tf.constant(targets))
        self._loss = {
            "mse": keras.losses.mean_squared_error,
            "mae": keras.losses.mean_absolute_error,
            "huber": keras.losses.huber,
        }[fit.loss]
        kind = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}[fit.optimizer]
        self._optimizer = kind(learning_rate=fit.learning_rate, global_clipnorm=fit.gradient_clip)
        self._kernels = [v for v in model.trainable_variables if v.name == "kernel"]
        self._optimizer.build(model.trainable_variables)
        # not jit_compile: for networks this small XLA takes seconds to compile and runs slower
        self._train = tf.function(self._train_step, autograph=False)
        self._evaluate = tf.function(self._evaluate_step, autograph=False)
        self._updates = 0

    def run(self, training: Plan, validation: Plan | None, progress: Progress | None) -> FitHistory:
        """Run the epochs and leave the chosen weights in the model."""
        order = np.random.default_rng(self._fit.seed)
        losses: list[float] = []
        val_losses: list[float] = []
        best_epoch, best_loss, best_weights = -1, np.inf, None
        if validation is not None and self._fit.patience and self._spec.memory_alpha is not None:
            memory_loss = self._pass(validation.batches(None), train=False)
            best_loss = memory_loss * (1.0 + self._fit.slack)
            best_weights = self._model.get_weights()
        for epoch in range(self._fit.epochs):
            losses.append(self._pass(training.batches(order), train=True))
            val_loss = None
            if validation is not None:
                val_loss = self._pass(validation.batches(None), train=False)
                val_losses.append(val_loss)
            if progress is not None:
                progress(epoch + 1, self._fit.epochs, losses[-1], val_loss)
            if not np.isfinite(losses[-1]):
                message = (
                    f"the loss of epoch {epoch + 1} is {losses[-1]}; take a smaller learning_rate "
                    "or a gradient_clip"
                )
                raise FitError(message)
            if not self._fit.patience:
                best_epoch = epoch
            elif val_losses[-1] < best_loss:
                best_loss = val_losses[-1]
                best_epoch, best_weights = epoch, self._model.get_weights()
            elif epoch - best_epoch >= self._fit.patience:
                break
        if best_weights is not None:
            self._model.set_weights(best_weights)
        return FitHistory(loss=tuple(losses), val_loss=tuple(val_losses), best_epoch=best_epoch)

    def _pass(self, batches: list[Batch], *, train: bool) -> float:
        """Go through one epoch's batches; return the mean loss of the steps that count."""
        total, counted = 0.0, 0.0
        states: list[Any] = []
        for batch in batches:
            if not batch.carry:
                states = self._zero_states(len(batch.rows))
            if train:
                self._updates += 1
                step = np.array([self._fit.seed, self._updates], dtype=np.int32)
                loss, states = self._train(
                    batch.rows, batch.target_rows, batch.weights, states, step
                )
            else:
                loss, states = self._evaluate(batch.rows, batch.target_rows, batch.weights, states)
            weight = float(batch.weights.sum())
            total += float(loss) * weight
            counted += weight
        return total / counted

    def _zero_states(self, n_streams: int) -> list[Any]:
        if self._spec.form == "window":
            return []
        parts = 2 if self._spec.cell == "lstm" else 1
        zeros = self._tf.zeros
        return [zeros((n_streams, n)) for n in self._spec.units for _ in range(parts)]

    def _train_step(
        self, rows: Any, target_rows: Any, weights: Any, states: list[Any], step: Any
    ) -> tuple[Any, list[Any]]:
        tf = self._tf
        x = tf.gather(self._data[0], rows)
        if self._fit.input_noise > 0.0:
            noise = tf.random.stateless_normal(tf.shape(x), seed=step)
            x += self._fit.input_noise * noise
        with tf.GradientTape() as tape:
            loss, states = self._forward(x, target_rows, weights, states, training=True)
            if self._fit.l2 > 0.0:
                loss += self._fit.l2 * sum(tf.reduce_sum(k**2) for k in self._kernels)
        variables = self._model.trainable_variables
        self._optimizer.apply(tape.gradient(loss, variables), variables)
        return loss, states

    def _evaluate_step(
        self, rows: Any, target_rows: Any, weights: Any, states: list[Any]
    ) -> tuple[Any, list[Any]]:
        x = self._tf.gather(self._data[0], rows)
        return self._forward(x, target_rows, weights, states, training=False)

    def _forward(
        self, x: Any, target_rows: Any, weights: Any, states: list[Any], *, training: bool
    ) -> tuple[Any, list[Any]]:
        tf = self._tf
        target = tf.gather(self._data[1], target_rows)
        if self._spec.form == "window":
            prediction, after = self._model(x, training=training), []
        else:
            prediction, *after = self._model([x, *states], training=training)
        error = self._loss(target, prediction)
        counted = tf.maximum(tf.reduce_sum(weights), 1.0)
        return tf.reduce_sum(error * weights) / counted, after
