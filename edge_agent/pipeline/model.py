"""The network behind two faces: a window re-run from zero state, or one step with carried state.

Both take scaled vectors one by one and return the residual rows of the newest window: what came
minus what the network had expected. All state is explicit here; an interpreter holds none between
calls, so that assets which follow the same bundle share it. Where a plain rule stands in for the
network (see ``plain``) there is nothing to load or to call.
"""

from copy import copy
from typing import Any, Literal, Protocol

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from edge_agent.pipeline.plain import FAMILIES, PlainPredictor
from edge_agent.pipeline.positions import Positions
from edge_agent.pipeline.runtime import load_interpreter, tensor_indices

_MOST_VECTORS = 10_000  # kept in memory and replayed at start


class ModelError(ValueError):
    """The model file is not what its specification says."""


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to run the model.

    Attributes:
        family: ``forecaster`` predicts the targets of the next vector, ``autoencoder`` the window;
            ``none``, ``persistence`` and ``moving_z`` are no networks, see ``plain``.
        form: ``window`` (state reset before each call) or ``streaming`` (packed explicit state).
        quantization: how the weights are stored; informs, changes nothing. ``none`` where there
            are none.
        window_length: vectors per call; 1 for streaming; for ``moving_z`` those looked back at.
        state_size: floats of packed state; 0 for window models.
        targets: indices of the features that are predicted.
        positions: equal parts of the vector, channel after channel, over each of which the
            network is run by itself: a general network knows one channel only.
        washout: vectors after which the outputs are used; before it windows are not scored.
        washout_tolerance: largest relative difference of the score between a run from saved
            state and one warmed up over ``washout_vectors`` vectors, as the trainer measured it.
        washout_vectors: vectors replayed to warm a state up.
    """

    family: Literal["forecaster", "autoencoder", "none", "persistence", "moving_z"]
    form: Literal["window", "streaming"]
    quantization: Literal["float32", "float16", "dynamic", "int8", "none"]
    window_length: int
    state_size: int
    targets: tuple[int, ...]
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
        rows = spec.window_length if spec.family == "autoencoder" else 1
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


class Predictor(Protocol):
    """Residuals of one asset's vectors, and the state that makes them."""

    def push(
        self, scaled: NDArray[np.float32], seen: NDArray[np.float32]
    ) -> NDArray[np.float32] | None:
        """Take the newest scaled vector and what the network may see of it, both float32 (F,).

        Returns residuals float32 (rows, targets), None while there is no prediction yet.
        """

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Everything that ``restore`` needs to continue bit for bit."""

    def restore(self, state: dict[str, NDArray[np.float32]]) -> None:
        """Continue from a ``state``. Raises ValueError where its arrays have other shapes."""


class StreamingForecaster:
    """Predicts the next vector from packed state, one step per vector."""

    def __init__(self, model: Model) -> None:
        """Begin with zero state and no prediction."""
        self._model = model
        self._targets = np.array(model.spec.targets, dtype=np.intp)
        self._state = np.zeros((1, model.spec.state_size), dtype=np.float32)
        self._expected: NDArray[np.float32] | None = None

    def push(
        self, scaled: NDArray[np.float32], seen: NDArray[np.float32]
    ) -> NDArray[np.float32] | None:
        """See Predictor."""
        expected = self._expected
        self._expected, self._state = self._model.step(seen[None, :], self._state)
        return None if expected is None else scaled[self._targets][None, :] - expected

    def state(self) -> dict[str, NDArray[np.float32]]:
        """See Predictor."""
        kept = {"state": self._state}
        if self._expected is not None:
            kept["expected"] = self._expected
        return kept

    def restore(self, state: dict[str, NDArray[np.float32]]) -> None:
        """See Predictor."""
        expected = state.get("expected")
        shapes = {"state": self._state.shape, "expected": (1, len(self._targets))}
        _check(state, {name: shapes[name] for name in shapes if name in state or name == "state"})
        self._state, self._expected = state["state"], expected


class WindowPredictor:
    """Keeps the last vectors and re-runs the network over them from zero state."""

    def __init__(self, model: Model, n_features: int) -> None:
        """Begin with an empty history of vectors."""
        self._model = model
        self._forecasts = model.spec.family == "forecaster"
        self._targets = np.array(model.spec.targets, dtype=np.intp)
        self._rows = np.zeros((0, n_features), dtype=np.float32)

    def push(
        self, scaled: NDArray[np.float32], seen: NDArray[np.float32]
    ) -> NDArray[np.float32] | None:
        """See Predictor."""
        length = self._model.spec.window_length
        residual = None
        if self._forecasts and len(self._rows) == length:
            residual = scaled[self._targets][None, :] - self._model.run(self._rows[None])
        self._rows = np.concatenate((self._rows, seen[None, :]))[-length:]
        if not self._forecasts and len(self._rows) == length:
            rebuilt = self._model.run(self._rows[None]).reshape(length, -1)
            residual = self._rows[:, self._targets] - rebuilt
        return residual

    def state(self) -> dict[str, NDArray[np.float32]]:
        """See Predictor."""
        return {"rows": self._rows}

    def restore(self, state: dict[str, NDArray[np.float32]]) -> None:
        """See Predictor."""
        rows = min(len(state.get("rows", ())), self._model.spec.window_length)
        _check(state, {"rows": (rows, self._rows.shape[1])})
        self._rows = state["rows"]


def _check(state: dict[str, NDArray[np.float32]], shapes: dict[str, tuple[int, ...]]) -> None:
    found = {name: array.shape for name, array in state.items()}
    if found != shapes or any(array.dtype != np.float32 for array in state.values()):
        raise ValueError(f"the network's state has arrays of {found}, allowed: float32 of {shapes}")


AnyModel = Model | PlainModel


def load_model(content: bytes | None, spec: ModelSpec, n_features: int) -> AnyModel:
    """Return the model of ``content``, None where ``spec`` is of no network.

    Raises:
        ModelError: the file is missing, cannot be loaded or is not what ``spec`` says.
    """
    return PlainModel(spec) if content is None else Model(content, spec, n_features)


def predictor(model: AnyModel, n_features: int) -> Predictor:
    """Return the predictor for the family and form of ``model``."""
    if isinstance(model, PlainModel):
        return PlainPredictor(model.spec.family, model.spec.targets, model.spec.window_length)
    positions = model.spec.positions
    if positions > 1:
        one = model.of_one_position()
        return Positions([predictor(one, n_features // positions) for _ in range(positions)])
    if model.spec.form == "streaming":
        return StreamingForecaster(model)
    return WindowPredictor(model, n_features)
