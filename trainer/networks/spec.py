"""Which network a recipe asks for."""

from itertools import pairwise
from typing import Literal

import msgspec

_MAX_UNITS = 1024
_MAX_HORIZON = 100


class NetworkSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recurrent network, described so that a recipe file can hold it.

    ``window`` networks see ``window_length`` vectors at once and start from zero state each time.
    ``streaming`` networks see one vector and carry their state from call to call.

    Attributes:
        family: a forecaster predicts the next vector; an autoencoder reconstructs its window;
            ``forecast_reconstruct`` does both: its decoder runs one step beyond the window.
        form: how the network is called.
        cell: kind of recurrent layer.
        units: size of each recurrent layer; of the encoder's only where there is a decoder, which
            mirrors them.
        bidirectional: each layer is two of this size, one of which reads the window backwards:
            the whole window lies in the past, so the network looks at nothing that is to come.
        linear_in: size of a linear layer before the first recurrent one, fitted as one of its own
            and then multiplied into it: two linear maps in a row are one.
        linear_out: likewise between the last recurrent layer and the output.
        dropout: share of each layer's outputs dropped in training, one number or one per layer
            of ``units`` (a decoder layer uses the one of its mirror image, ``linear_in`` the
            first).
        activation: of the candidate and the output; the gates always use the sigmoid.
        window_length: vectors per window; 1 for streaming networks.
        quantiles: a forecaster predicts these quantiles of each target, rising, instead of one
            number.
        horizon: a streaming forecaster is scored by its forecasts of so many steps, each made
            from its own forecast of the step before.
        memory_alpha: a streaming forecaster keeps m += memory_alpha * (x - m), a slow memory of
            its inputs, sees [x, m] and predicts m + dense(h): recurrent layers then learn what a
            running mean cannot know. None: no memory.
        output_bound: predictions are cut to +-bound (in scaled units) wherever the network is
            run, so that a forecaster cannot follow a drift beyond it; fitted without.
    """

    family: Literal["forecaster", "autoencoder", "forecast_reconstruct"]
    form: Literal["window", "streaming"]
    cell: Literal["lstm", "gru"] = "lstm"
    units: tuple[int, ...]
    bidirectional: bool = False
    linear_in: int | None = None
    linear_out: int | None = None
    dropout: float | tuple[float, ...] = 0.0
    activation: Literal["tanh", "relu"] = "tanh"
    window_length: int = 1
    quantiles: tuple[float, ...] = ()
    horizon: int = 1
    memory_alpha: float | None = None
    output_bound: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be built; msgspec turns a ValueError into its own with the path."""
        for problem in (self._shape_problem(), self._output_problem(), self._form_problem()):
            if problem is not None:
                raise ValueError(problem)

    def _shape_problem(self) -> str | None:
        if not self.units or not all(1 <= n <= _MAX_UNITS for n in self.units):
            return f"units is {list(self.units)}; one to {_MAX_UNITS} for each layer are allowed"
        for name in ("linear_in", "linear_out"):
            size = getattr(self, name)
            if size is not None and not 1 <= size <= _MAX_UNITS:
                return f"{name} is {size}; one to {_MAX_UNITS} is allowed"
        if isinstance(self.dropout, tuple) and len(self.dropout) != len(self.units):
            return (
                f"dropout has {len(self.dropout)} numbers; "
                f"one, or one for each of the {len(self.units)} layers, is allowed"
            )
        if not all(0.0 <= share < 1.0 for share in self.dropouts):
            return f"dropout is {self.dropout}; from 0 to below 1 is allowed"
        if self.window_length < 1:
            return f"window_length is {self.window_length}; 1 or more is allowed"
        return None

    def _output_problem(self) -> str | None:
        if self.output_bound is not None and not self.output_bound > 0.0:
            return f"output_bound is {self.output_bound}; more than 0 is allowed"
        edges = (0.0, *self.quantiles, 1.0)
        if self.quantiles and (len(edges) < 4 or not all(a < b for a, b in pairwise(edges))):  # noqa: PLR2004 - a band has two edges
            return (
                f"quantiles is {list(self.quantiles)}; two or more, rising in (0, 1), are allowed"
            )
        if self.quantiles and self.family != "forecaster":
            return f"quantiles go with family 'forecaster'; the family is '{self.family}'"
        if not 1 <= self.horizon <= _MAX_HORIZON:
            return f"horizon is {self.horizon}; 1 to {_MAX_HORIZON} is allowed"
        if self.horizon > 1 and (self.form != "streaming" or self.quantiles):
            return "a horizon goes with form 'streaming' and without quantiles"
        return None

    def _form_problem(self) -> str | None:
        if self.memory_alpha is not None:
            if self.form != "streaming" or self.quantiles:
                return "memory_alpha goes with form 'streaming' and without quantiles"
            if not 0.0 < self.memory_alpha <= 1.0:
                return f"memory_alpha is {self.memory_alpha}; above 0, at most 1 is allowed"
        if self.form == "streaming":
            if self.family != "forecaster" or self.bidirectional:
                return "reconstructing and reading backwards need a window: form 'window'"
            if self.window_length != 1:
                return (
                    f"window_length is {self.window_length}; "
                    "a streaming network takes one vector at a time: 1 is allowed"
                )
        elif self.cell == "gru":
            return "the runtimes have no fused GRU: a gru network needs form 'streaming'"
        return None

    @property
    def directions(self) -> int:
        """How many recurrent layers stand side by side."""
        return 2 if self.bidirectional else 1

    @property
    def heads(self) -> int:
        """Numbers predicted of each target."""
        return max(1, len(self.quantiles))

    @property
    def decoded_length(self) -> int:
        """Vectors that the decoder returns; 0 where there is none."""
        beyond = {"forecaster": -self.window_length, "autoencoder": 0, "forecast_reconstruct": 1}
        return self.window_length + beyond[self.family]

    @property
    def dropouts(self) -> tuple[float, ...]:
        """Dropout of each layer of ``units``."""
        if isinstance(self.dropout, tuple):
            return self.dropout
        return (self.dropout,) * len(self.units)

    @property
    def layer_units(self) -> tuple[int, ...]:
        """Size of every recurrent layer in order, the decoder's included."""
        if self.decoded_length:
            return self.units + self.units[::-1]
        return self.units

    @property
    def layer_dropouts(self) -> tuple[float, ...]:
        """Dropout after every recurrent layer in order."""
        if self.decoded_length:
            return self.dropouts + self.dropouts[::-1]
        return self.dropouts

    def state_size(self, n_inputs: int) -> int:
        """Numbers carried from step to step; 0 for window networks."""
        if self.form == "window":
            return 0
        memory = 0 if self.memory_alpha is None else n_inputs
        return sum(self.units) * (2 if self.cell == "lstm" else 1) + memory
