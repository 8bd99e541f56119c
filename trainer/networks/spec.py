"""Which network a recipe asks for."""

from typing import Literal

import msgspec

_MAX_UNITS = 1024


class NetworkSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recurrent network, described so that a recipe file can hold it.

    ``window`` networks see ``window_length`` vectors at once and start from zero state each time.
    ``streaming`` networks see one vector and carry their state from call to call.

    Attributes:
        family: a forecaster predicts the next vector; an autoencoder reconstructs its window.
        form: how the network is called.
        cell: kind of recurrent layer.
        units: size of each recurrent layer; of the encoder's only for an autoencoder, whose
            decoder mirrors them.
        dropout: share of each layer's outputs dropped in training, one number or one per layer
            of ``units`` (a decoder layer uses the one of its mirror image).
        activation: of the candidate and the output; the gates always use the sigmoid.
        window_length: vectors per window; 1 for streaming networks.
        memory_alpha: a streaming forecaster keeps m += memory_alpha * (x - m), a slow memory of
            its inputs, sees [x, m] and predicts m + dense(h): recurrent layers then learn what a
            running mean cannot know. None: no memory.
        output_bound: predictions are cut to +-bound (in scaled units) wherever the network is
            run, so that a forecaster cannot follow a drift beyond it; fitted without.
    """

    family: Literal["forecaster", "autoencoder"]
    form: Literal["window", "streaming"]
    cell: Literal["lstm", "gru"] = "lstm"
    units: tuple[int, ...]
    dropout: float | tuple[float, ...] = 0.0
    activation: Literal["tanh", "relu"] = "tanh"
    window_length: int = 1
    memory_alpha: float | None = None
    output_bound: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be built; msgspec turns a ValueError into its own with the path."""
        for problem in (self._shape_problem(), self._form_problem()):
            if problem is not None:
                raise ValueError(problem)

    def _shape_problem(self) -> str | None:
        if not self.units or not all(1 <= n <= _MAX_UNITS for n in self.units):
            return f"units is {list(self.units)}; one to {_MAX_UNITS} for each layer are allowed"
        if isinstance(self.dropout, tuple) and len(self.dropout) != len(self.units):
            return (
                f"dropout has {len(self.dropout)} numbers; "
                f"one, or one for each of the {len(self.units)} layers, is allowed"
            )
        if not all(0.0 <= share < 1.0 for share in self.dropouts):
            return f"dropout is {self.dropout}; from 0 to below 1 is allowed"
        if self.output_bound is not None and not self.output_bound > 0.0:
            return f"output_bound is {self.output_bound}; more than 0 is allowed"
        if self.window_length < 1:
            return f"window_length is {self.window_length}; 1 or more is allowed"
        return None

    def _form_problem(self) -> str | None:
        if self.memory_alpha is not None:
            if self.form != "streaming":
                return "memory_alpha goes with form 'streaming': a window starts from nothing"
            if not 0.0 < self.memory_alpha <= 1.0:
                return f"memory_alpha is {self.memory_alpha}; above 0, at most 1 is allowed"
        if self.form == "streaming":
            if self.family == "autoencoder":
                return "an autoencoder reconstructs a window: only form 'window' is allowed"
            if self.window_length != 1:
                return (
                    f"window_length is {self.window_length}; "
                    "a streaming network takes one vector at a time: 1 is allowed"
                )
        elif self.cell == "gru":
            return "the runtimes have no fused GRU: a gru network needs form 'streaming'"
        return None

    @property
    def dropouts(self) -> tuple[float, ...]:
        """Dropout of each layer of ``units``."""
        if isinstance(self.dropout, tuple):
            return self.dropout
        return (self.dropout,) * len(self.units)

    @property
    def layer_units(self) -> tuple[int, ...]:
        """Size of every recurrent layer in order, an autoencoder's decoder included."""
        if self.family == "autoencoder":
            return self.units + self.units[::-1]
        return self.units

    @property
    def layer_dropouts(self) -> tuple[float, ...]:
        """Dropout after every recurrent layer in order."""
        if self.family == "autoencoder":
            return self.dropouts + self.dropouts[::-1]
        return self.dropouts

    def state_size(self, n_inputs: int) -> int:
        """Numbers carried from step to step; 0 for window networks."""
        if self.form == "window":
            return 0
        memory = 0 if self.memory_alpha is None else n_inputs
        return sum(self.units) * (2 if self.cell == "lstm" else 1) + memory
