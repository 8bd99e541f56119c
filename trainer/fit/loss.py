"""What a step of the fit costs: the error of every step, before it is weighted."""

from collections.abc import Callable
from typing import Any

from trainer.fit.batches import FitError
from trainer.fit.free_running import FreeRun
from trainer.fit.spec import FitSpec
from trainer.networks import NetworkSpec

Errors = Callable[..., tuple[Any, list[Any]]]


def step_errors(
    tf: Any, keras: Any, model: Any, spec: NetworkSpec, fit: FitSpec, targets: Any
) -> Errors:
    """Return ``errors(x, target_rows, states, training)``.

    Args:
        tf: TensorFlow.
        keras: Keras.
        model: the network.
        spec: what it is.
        fit: how it is fitted.
        targets: float32 (n, O).

    Returns:
        A function of inputs (B, T, F), rows of the targets and the layers' states, which returns
        the error of every step, shaped like the rows, and the states after the last step.
    """
    plain = {
        "mse": keras.losses.mean_squared_error,
        "mae": keras.losses.mean_absolute_error,
        "huber": keras.losses.huber,
        "pinball": _pinball(tf, spec),
    }[fit.loss]
    ahead = tf.range(fit.lookahead)
    free = FreeRun(tf, keras, model, spec) if fit.free_running else None

    def errors(
        x: Any, target_rows: Any, states: list[Any], *, training: bool
    ) -> tuple[Any, list[Any]]:
        inputs = x if spec.form == "window" else [x, *states]
        if free is not None and training:
            return free.errors(x, tf.gather(targets, target_rows), states)
        prediction, *after = _listed(model(inputs, training=training))
        if fit.lookahead == 1:
            return plain(tf.gather(targets, target_rows), prediction), after
        target = tf.gather(targets, target_rows[..., tf.newaxis] + ahead)
        error = plain(target, tf.reshape(prediction, tf.shape(target)))
        return tf.reduce_mean(error, axis=-1), after

    return errors


def require_fitting(spec: NetworkSpec, fit: FitSpec, n_inputs: int, n_outputs: int) -> None:
    """Refuse a fit that is not one for this network.

    Raises:
        FitError: naming the two that contradict each other.
    """
    if (fit.loss == "pinball") != bool(spec.quantiles):
        raise FitError(
            f"fit.loss is '{fit.loss}' and network.quantiles {list(spec.quantiles)}; "
            "quantiles and the loss 'pinball' go together"
        )
    plain = spec.family == "forecaster" and spec.heads == 1 and spec.memory_alpha is None
    if fit.lookahead > 1 and (fit.free_running or not plain):
        raise FitError(
            f"fit.lookahead is {fit.lookahead}; more than 1 goes with a forecaster of one number "
            "for each target, without a memory and not fitted free running"
        )
    if fit.free_running and (spec.form != "streaming" or spec.memory_alpha is not None):
        raise FitError("fit.free_running goes with a streaming network without a memory")
    predicts_inputs = {"a horizon": spec.horizon > 1, "fit.free_running": fit.free_running}
    for name, asked in predicts_inputs.items():
        if asked and n_inputs != n_outputs:
            raise FitError(
                f"{name} feeds forecasts back: a forecast of all {n_inputs} inputs is needed; "
                f"{n_outputs} targets are found"
            )


def _listed(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def _pinball(tf: Any, spec: NetworkSpec) -> Callable[[Any, Any], Any]:
    levels = tf.constant(spec.quantiles or (0.5,))[:, tf.newaxis]

    def loss(target: Any, prediction: Any) -> Any:
        shape = tf.concat((tf.shape(target)[:-1], (spec.heads, target.shape[-1])), axis=0)
        over = target[..., tf.newaxis, :] - tf.reshape(prediction, shape)
        return tf.reduce_mean(tf.maximum(levels * over, (levels - 1.0) * over), axis=(-2, -1))

    return loss
