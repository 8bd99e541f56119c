"""The epochs of a fit: compiled whole, early stopping, the best weights."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.fit.batches import Batch, FitError, Plan
from trainer.fit.loss import step_errors
from trainer.fit.spec import FitSpec
from trainer.networks import FitHistory, NetworkSpec

Progress = Callable[[int, int, float, float | None], None]


class Loop:
    """Fits a Keras model."""

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
        """Hold the data and compile an epoch.

        Args:
            tf: TensorFlow.
            keras: Keras.
            model: built for ``spec``.
            spec: the network.
            fit: how to fit it.
            inputs: float32 (n, F).
            targets: float32 (n, O).
        """
        self._tf = tf
        self._model = model
        self._fit = fit
        self._spec = spec
        self._inputs = tf.constant(inputs)
        self._errors = step_errors(tf, keras, model, spec, fit, tf.constant(targets))
        kind = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}[fit.optimizer]
        self._optimizer = kind(learning_rate=fit.learning_rate, global_clipnorm=fit.gradient_clip)
        self._kernels = [v for v in model.trainable_variables if v.name == "kernel"]
        self._optimizer.build(model.trainable_variables)
        # a call for each batch costs as much as the batch; and no jit_compile: for networks this
        # small XLA takes seconds to compile and runs slower
        self._epoch = tf.function(self._run_batches, autograph=False)
        self._updates = 0

    def run(self, training: Plan, validation: Plan | None, progress: Progress | None) -> FitHistory:
        """Run the epochs and leave the chosen weights in the model.

        Raises:
            FitError: the loss is not finite.
        """
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
            elif val_losses[-1] < best_loss - self._fit.least_gain:
                best_loss = val_losses[-1]
                best_epoch, best_weights = epoch, self._model.get_weights()
            elif epoch - best_epoch >= self._fit.patience:
                break
        if best_weights is not None:
            self._model.set_weights(best_weights)
        return FitHistory(loss=tuple(losses), val_loss=tuple(val_losses), best_epoch=best_epoch)

    def _pass(self, batches: list[Batch], *, train: bool) -> float:
        """Go through one epoch's batches; return the mean loss of the steps that count."""
        rows, target_rows, weights = (
            np.stack([getattr(batch, name) for batch in batches])
            for name in ("rows", "target_rows", "weights")
        )
        updates = np.int32(self._updates)  # a Python number would be compiled in
        losses = self._epoch(
            rows, target_rows, weights, updates, carry=batches[-1].carry, train=train
        )
        self._updates += len(batches) if train else 0
        counted = weights.reshape(len(batches), -1).sum(axis=1, dtype=np.float64)
        return float(np.average(losses.numpy().astype(np.float64), weights=counted))

    def _run_batches(
        self, rows: Any, target_rows: Any, weights: Any, updates: Any, *, carry: bool, train: bool
    ) -> Any:
        """Run the batches one after the other, their state carried on or not; return the losses."""
        tf = self._tf
        start = self._zero_states(rows.shape[1])

        def step(number: Any, states: list[Any], losses: Any) -> tuple[Any, list[Any], Any]:
            x = tf.gather(self._inputs, rows[number])
            given = (x, target_rows[number], weights[number], states)
            if train:
                loss, after = self._update(*given, updates + number + 1)
            else:
                loss, after = self._loss(*given, training=False)
            return number + 1, after if carry else states, losses.write(number, loss)

        _, _, losses = tf.while_loop(
            lambda number, *_: number < rows.shape[0],
            step,
            (tf.constant(0), start, tf.TensorArray(tf.float32, rows.shape[0])),
            parallel_iterations=1,
        )
        return losses.stack()

    def _zero_states(self, n_streams: int) -> list[Any]:
        if self._spec.form == "window":
            return []
        parts = 2 if self._spec.cell == "lstm" else 1
        zeros = self._tf.zeros
        return [zeros((n_streams, n)) for n in self._spec.units for _ in range(parts)]

    def _update(
        self, x: Any, target_rows: Any, weights: Any, states: list[Any], number: Any
    ) -> tuple[Any, list[Any]]:
        tf = self._tf
        if self._fit.input_noise > 0.0:
            noise = tf.random.stateless_normal(tf.shape(x), seed=tf.stack((self._fit.seed, number)))
            x += self._fit.input_noise * noise
        with tf.GradientTape() as tape:
            loss, states = self._loss(x, target_rows, weights, states, training=True)
            if self._fit.l2 > 0.0:
                loss += self._fit.l2 * sum(tf.reduce_sum(k**2) for k in self._kernels)
        variables = self._model.trainable_variables
        self._optimizer.apply(tape.gradient(loss, variables), variables)
        return loss, states

    def _loss(
        self, x: Any, target_rows: Any, weights: Any, states: list[Any], *, training: bool
    ) -> tuple[Any, list[Any]]:
        tf = self._tf
        error, after = self._errors(x, target_rows, states, training=training)
        return tf.math.divide_no_nan(tf.reduce_sum(error * weights), tf.reduce_sum(weights)), after
