"""Fitting a streaming network on its own forecasts, beside the true vectors."""

from typing import Any

from trainer.networks import NetworkSpec


class FreeRun:
    """Runs a network on what it predicts, through the layers that the model has.

    The loss is that of the two-stage recurrent detector for time series of Park (2018): mean
    squared error on its own forecasts, the same on the true vectors, and the mean squared distance
    between the last recurrent layer's outputs on both ways, the latter held fixed.
    """

    def __init__(self, tf: Any, keras: Any, model: Any, spec: NetworkSpec) -> None:
        """Take the layers out of ``model``, a streaming network."""
        self._tf = tf
        self._keras = keras
        self._parts = 2 if spec.cell == "lstm" else 1
        self._cells = [model.get_layer(f"layer{n}").cell for n in range(len(spec.units))]
        named = {layer.name: layer for layer in model.layers}
        self._linear_in, self._linear_out = named.get("linear_in"), named.get("linear_out")
        self._head = named["head"]
        self._dropouts = [keras.layers.Dropout(share) for share in spec.dropouts]
        last = named[f"layer{len(spec.units) - 1}"]
        self._guided = keras.Model(model.inputs, [*model.outputs, last.output[0]])

    def errors(self, x: Any, target: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """Return the error of every step (B, T), and the states after the true vectors.

        Args:
            x: float32 (B, T, F), the true vectors.
            target: float32 (B, T, F), the vectors after them.
            states: before the first one.
        """
        tf, mse = self._tf, self._keras.losses.mean_squared_error
        prediction, *after, outputs = self._guided([x, *states], training=True)
        own, own_outputs = self._run(x[:, 0], states, x.shape[1])
        apart = mse(tf.stop_gradient(outputs), own_outputs)
        return mse(target, own) + mse(target, prediction) + apart, after

    def _run(self, first: Any, states: list[Any], n_steps: int) -> tuple[Any, Any]:
        """Return predictions (B, T, F) and the last layer's outputs (B, T, units)."""
        tf = self._tf
        start = (first, states[-self._parts], tuple(states))
        y, outputs, _ = tf.scan(lambda now, _: self._step(now[0], now[2]), tf.range(n_steps), start)
        return tf.transpose(y, (1, 0, 2)), tf.transpose(outputs, (1, 0, 2))

    def _step(self, x: Any, states: tuple[Any, ...]) -> tuple[Any, Any, tuple[Any, ...]]:
        if self._linear_in is not None:
            x = self._dropouts[0](self._linear_in(x), training=True)
        after: list[Any] = []
        output = x
        for number, (cell, dropout) in enumerate(zip(self._cells, self._dropouts, strict=True)):
            before = list(states[number * self._parts : (number + 1) * self._parts])
            output, parts = cell(x, before)
            after += parts
            x = dropout(output, training=True)
        if self._linear_out is not None:
            x = self._linear_out(x)
        return self._head(x), output, tuple(after)
