"""How a recipe wants its network fitted."""

from typing import Literal

import msgspec


class FitSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Optimiser, stopping rule and, for streaming networks, how sequences are cut.

    Attributes:
        epochs: most passes over the training part.
        batch_size: windows, sequences or (stateful) parallel streams in one update.
        learning_rate: of the optimiser.
        optimizer: Keras' own, with its other defaults.
        loss: mean over the outputs of one step, then over the steps that count; ``pinball`` is
            that of the network's quantiles (Koenker and Bassett 1978), and theirs alone.
        gradient_clip: largest global norm of a gradient; None does not clip.
        patience: epochs without a better validation loss before the fit stops and the best
            epoch's weights are restored; 0 runs all epochs and keeps the last.
        least_gain: by how much a validation loss must be better to be so.
        validation_share: share of the steps, the latest ones, held back from training.
        sequence_length: steps through which the error is propagated back (streaming form).
        washout: steps from zero state that do not count in the loss (streaming form).
        lookahead: steps ahead that a forecaster is fitted to at once. Of its output layer only the
            first step, the one that is scored, is kept.
        forecast_share: of the forecast in the loss of a network that reconstructs too.
        free_running: streaming form: to the loss are added that of forecasts made from the
            network's own forecasts throughout a sequence, and the distance of the last layer's
            outputs on that way from those on the true one.
        stateful: streaming form: ``batch_size`` contiguous streams run side by side over the
            whole healthy part; state is carried from sequence to sequence and reset each epoch.
        most_updates: stateful: a long healthy part is cut into more streams than ``batch_size``,
            so that an epoch has about so many updates at most; None: into no more.
        l2: penalty on the square of the weights from inputs and to outputs, per weight.
        slack: a network with a memory may have a validation loss worse by this share than the
            memory alone has; if none is as good the memory stays alone.
        input_noise: standard deviation of normal noise on the training inputs, in scaled units.
        seed: of the first weights, the order, dropout and noise.
    """

    epochs: int
    batch_size: int
    learning_rate: float = 0.001
    optimizer: Literal["adam", "rmsprop"] = "adam"
    loss: Literal["mse", "mae", "huber", "pinball"] = "mse"
    gradient_clip: float | None = None
    patience: int = 0
    least_gain: float = 0.0
    validation_share: float = 0.0
    sequence_length: int = 1
    washout: int = 0
    lookahead: int = 1
    forecast_share: float = 0.5
    free_running: bool = False
    stateful: bool = False
    most_updates: int | None = None
    l2: float = 0.0
    slack: float = 0.0
    input_noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work; msgspec adds the path to the message."""
        least = {
            "epochs": 1,
            "batch_size": 1,
            "sequence_length": 1,
            "washout": 0,
            "patience": 0,
            "least_gain": 0.0,
            "lookahead": 1,
            "l2": 0.0,
            "slack": 0.0,
            "input_noise": 0.0,
            "seed": 0,
        }
        for name, allowed in least.items():
            if not getattr(self, name) >= allowed:
                message = f"{name} is {getattr(self, name)}; {allowed} or more is allowed"
                raise ValueError(message)
        if not 0.0 <= self.forecast_share <= 1.0:
            raise ValueError(f"forecast_share is {self.forecast_share}; 0 to 1 is allowed")
        if self.most_updates is not None and not (self.stateful and self.most_updates >= 1):
            message = f"most_updates is {self.most_updates}; 1 or more, if stateful, is allowed"
            raise ValueError(message)
        problem = self._problem()
        if problem is not None:
            raise ValueError(problem)

    def _problem(self) -> str | None:
        if not self.learning_rate > 0.0:
            return f"learning_rate is {self.learning_rate}; more than 0 is allowed"
        if self.gradient_clip is not None and not self.gradient_clip > 0.0:
            return f"gradient_clip is {self.gradient_clip}; more than 0 is allowed"
        if not 0.0 <= self.validation_share < 1.0:
            return f"validation_share is {self.validation_share}; from 0 to below 1 is allowed"
        if self.patience and self.validation_share == 0.0:
            return f"patience is {self.patience} without a validation_share; both are needed"
        if self.washout >= self.sequence_length:
            return (
                f"washout is {self.washout}; less than the sequence_length of "
                f"{self.sequence_length} is allowed"
            )
        return None
