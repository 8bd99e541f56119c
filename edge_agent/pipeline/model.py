"""The network's file: how it is called, and a loaded one.

All state is explicit; an interpreter holds none between calls, so that assets which follow the
same bundle share it. Where a plain rule stands in for the
network (see ``plain``) there is nothing to load or to call.
"""

from copy import copy
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from edge_agent.pipeline.plain import FAMILIES
from edge_agent.pipeline.runtime import load_interpreter, tensor_indices

_MOST_VECTORS = 10_000  # kept in memory and replayed at start
_MOST_STEPS = 100  # calls for each vector


class ModelError(ValueError):
    """The model file is not what its specification says."""


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to run the model.

    Attributes:
        family: ``forecaster`` predicts the targets of the next vector, ``autoencoder`` the window,
            ``forecast_reconstruct`` both, the window first; ``none``, ``persistence`` and
            ``moving_z`` are no networks, see ``plain``.
        form: ``window`` (state reset before each call) or ``streaming`` (packed explicit state).
        quantization: how the weights are stored; informs, changes nothing. ``none`` where there
            are none.
        window_length: vectors per call; 1 for streaming; for ``moving_z`` those looked back at.
        state_size: floats of packed state; 0 for window models.
        targets: indices of the features that are predicted.
        quantiles: a forecaster predicts these of each target, one row for each; empty: one number.
        horizon: steps that a streaming forecaster predicts by being run on its own predictions.
        positions: equal parts of the vector, channel after channel, over each of which the
            network is run by itself: a general network knows one channel only.
        washout: vectors after which the outputs are used; before it windows are not scored.
        washout_tolerance: largest relative difference of the score between a run from saved
            state and one warmed up over ``washout_vectors`` vectors, as the trainer measured it.
        washout_vectors: vectors replayed to warm a state up.
    """

    family: Literal[
        "forecaster", "autoencoder", "forecast_reconstruct", "none", "persistence", "moving_z"
    ]
    form: Literal["window", "streaming"]
    quantization: Literal["float32", "float16", "dynamic", "int8", "none"]
    window_length: int
    state_size: int
    targets: tuple[int, ...]
    quantiles: tuple[float, ...] = ()
    horizon: int = 1
    washout: int
    washout_tolerance: float = 0.0
    washout_vectors: int = 0
    positions: int = 1

    def __post_init__(self) -> None:
        """Refuse what contradicts itself. Raises ValueError."""
        if self.has_network == (self.quantization == "none"):
            raise ValueError(
                f"model.quantization is {self.quantization} with model.family {self.family},"
                " allowed: 'none' for what is no network, and only there"
            )
        streaming = self.form == "streaming"
        if self.has_network and streaming and self.family != "forecaster":
            raise ValueError(f"model.family is {self.family}, allowed for streaming: forecaster")
        looks_at_one = self.family != "moving_z" and streaming
        if self.window_length < 1 or (looks_at_one and self.window_length != 1):
            raise ValueError(
                f"model.window_length is {self.window_length},"
                f" allowed: {'1' if looks_at_one else '1 or more'}"
            )
        if not self.has_network and (self.form, self.state_size) != ("streaming", 0):
            raise ValueError(
                f"model.form is {self.form} and model.state_size {self.state_size},"
                f" allowed for family {self.family}: streaming and 0"
            )
        if self.state_size < 0 or self.washout < 0:
            raise ValueError("model.state_size or model.washout is below 0")
        if not 0 <= self.washout_vectors <= _MOST_VECTORS:
            raise ValueError(
                f"model.washout_vectors is {self.washout_vectors}, allowed: 0 to {_MOST_VECTORS}"
            )
        if not 1 <= self.horizon <= _MOST_STEPS or (self.horizon > 1 and not streaming):
            raise ValueError(
                f"model.horizon is {self.horizon}, allowed: 1, or to {_MOST_STEPS} for streaming"
            )
        if not self.targets or len(set(self.targets)) != len(self.targets):
            raise ValueError(f"model.targets is {list(self.targets)}, allowed: one or more, once")
        if self.positions < 1 or len(self.targets) % self.positions:
            raise ValueError(
                f"model.positions is {self.positions}, allowed: at least 1, and as many targets in"
                f" each ({len(self.targets)} in all)"
            )

    def of_one_position(self, n_features: int) -> "ModelSpec":
        """Return the specification of one position's run.

        Args:
            n_features: F, of all positions together.

        Raises:
            ValueError: the parts are not equal.
        """
        width, rest = divmod(n_features, self.positions)
        own = tuple(i for i in self.targets if i < width)
        expected = tuple(p * width + i for p in range(self.positions) for i in own)
        if rest or self.targets != expected:
            raise ValueError(
                f"model.targets is {list(self.targets)}, allowed: the same in each of"
                f" {self.positions} equal parts of {n_features} features"
            )
        return replace(self, targets=own, positions=1)

    @property
    def rows(self) -> int:
        """Rows of one number for each target that a call returns."""
        decoded = {
            "autoencoder": self.window_length,
            "forecast_reconstruct": self.window_length + 1,
        }
        return decoded.get(self.family, max(1, len(self.quantiles)))

    @property
    def has_network(self) -> bool:
        """Whether there is a model to load."""
        return self.family not in FAMILIES

    @property
    def looks_back(self) -> bool:
        """Whether what is expected of a vector depends on those before it."""
        return self.family != "none"


class PlainModel:
    """What stands where a network would: its parameters, and nothing to load."""

    def __init__(self, spec: ModelSpec) -> None:
        """Take the parameters of a family that is no network. Raises ModelError for another."""
        if spec.has_network:
            raise ModelError(f"no model for family {spec.family}, allowed: a TFLite file")
        self.spec = spec


class Model:
    """One loaded TFLite model; holds no state between calls."""

    def __init__(self, content: bytes, spec: ModelSpec, n_features: int) -> None:
        """Load ``content``.

        Raises:
            ModelError: the file cannot be loaded or has other inputs or outputs than ``spec`` says.
        """
        self.spec = spec
        try:
            spec = self._one = spec.of_one_position(n_features)
            n_features //= self.spec.positions
            self._interpreter = load_interpreter(content)
            inputs, outputs = tensor_indices(self._interpreter)
        except ValueError as error:
            raise ModelError(str(error)) from error
        streaming = spec.form == "streaming"
        expected = ({"x", "s"}, {"y", "s_next"}) if streaming else ({"x"}, {"y"})
        if (set(inputs), set(outputs)) != expected:
            raise ModelError(
                f"model has inputs {sorted(inputs)} and outputs {sorted(outputs)},"
                f" allowed for a {spec.form} model: {sorted(expected[0])} and {sorted(expected[1])}"
            )
        rows = spec.rows
        if spec.horizon > 1 and spec.targets != tuple(range(n_features)):
            raise ModelError(
                f"model.targets is {list(spec.targets)}, allowed where predictions are fed back:"
                f" all {n_features} features in order"
            )
        allowed: dict[str, list[tuple[int, ...]]] = {
            "x": [(1, n_features) if streaming else (1, spec.window_length, n_features)],
            "y": [(1, rows * len(spec.targets)), (1, rows, len(spec.targets))],
            "s": [(1, spec.state_size)],
            "s_next": [(1, spec.state_size)],
        }
        details = (*self._interpreter.get_input_details(), *self._interpreter.get_output_details())
        tensors: dict[int, dict[str, Any]] = {int(d["index"]): d for d in details}
        for name, index in (inputs | outputs).items():
            shape, dtype = tuple(tensors[index]["shape"].tolist()), tensors[index]["dtype"]
            if shape not in allowed[name] or dtype is not np.float32:
                raise ModelError(
                    f"model tensor {name!r} is {np.dtype(dtype)} of shape {shape},"
                    f" allowed: float32 of {allowed[name][0]}"
                )
        self._x, self._y = inputs["x"], outputs["y"]
        self._s, self._s_next = inputs.get("s", -1), outputs.get("s_next", -1)

    def for_positions(self, spec: ModelSpec, n_features: int) -> "Model":
        """Return this model, interpreter and all, as ``spec`` runs it over other positions.

        Raises:
            ModelError: ``spec`` runs one position otherwise.
        """
        if spec.of_one_position(n_features) != self._one:
            raise ModelError("model is run otherwise, allowed: in other positions alone")
        other = copy(self)
        other.spec = spec
        return other

    def of_one_position(self) -> "Model":
        """Return this model, interpreter and all, as one position sees it."""
        one = copy(self)
        one.spec = self._one
        return one

    def step(
        self, x: NDArray[np.float32], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run a streaming model on x (1, F), state (1, S); return y (1, O) and the next state."""
        run = self._interpreter
        run.set_tensor(self._x, x)
        run.set_tensor(self._s, state)
        run.invoke()
        return run.get_tensor(self._y), run.get_tensor(self._s_next)

    def run(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run a window model on x (1, L, F) from zero state and return y."""
        run = self._interpreter
        run.reset_all_variables()  # a fused LSTM keeps its state in variable tensors otherwise
        run.set_tensor(self._x, x)
        run.invoke()
        return run.get_tensor(self._y)


AnyModel = Model | PlainModel


def load_model(content: bytes | None, spec: ModelSpec, n_features: int) -> AnyModel:
    """Return the model of ``content``, None where ``spec`` is of no network.

    Raises:
        ModelError: the file is missing, cannot be loaded or is not what ``spec`` says.
    """
    return PlainModel(spec) if content is None else Model(content, spec, n_features)
