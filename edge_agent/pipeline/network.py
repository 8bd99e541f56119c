"""The network behind its faces: a window re-run from zero state, or steps with carried state.

All take scaled vectors one by one and return the residual rows of the newest window: what came
minus what the network had expected.
"""

import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.model import AnyModel, Model, PlainModel
from edge_agent.pipeline.plain import PlainPredictor
from edge_agent.pipeline.positions import Positions
from edge_agent.pipeline.predictor import Predictor


class StreamingForecaster:
    """Predicts the next vector, or quantiles of it, from packed state, one step per vector."""

    def __init__(self, model: Model) -> None:
        """Begin with zero state and no prediction."""
        self._model = model
        self._targets = np.array(model.spec.targets, dtype=np.intp)
        self._state = np.zeros((1, model.spec.state_size), dtype=np.float32)
        self._expected: NDArray[np.float32] | None = None

    def push(
        self, scaled: NDArray[np.float32], seen: NDArray[np.float32]
    ) -> NDArray[np.float32] | None:
        """See Predictor; a row for each quantile."""
        expected = self._expected
        y, self._state = self._model.step(seen[None, :], self._state)
        self._expected = y.reshape(self._model.spec.rows, -1)
        return None if expected is None else scaled[self._targets] - expected

    def state(self) -> dict[str, NDArray[np.float32]]:
        """See Predictor."""
        kept = {"state": self._state}
        if self._expected is not None:
            kept["expected"] = self._expected
        return kept

    def restore(self, state: dict[str, NDArray[np.float32]]) -> None:
        """See Predictor."""
        expected = (self._model.spec.rows, len(self._targets))
        _check(state, {"state": self._state.shape}, {"expected": expected})
        self._state, self._expected = state["state"], state.get("expected")


class RecursiveForecaster:
    """Predicts several vectors ahead: each from the prediction before it, from a copy of the state.

    A vector is held against all that was predicted of it, one step before it came to ``horizon``
    steps before, as in the detectors of Malhotra et al. (2015) and Park (2018).
    """

    def __init__(self, model: Model, n_features: int) -> None:
        """Begin with zero state and no prediction."""
        self._model = model
        horizon = model.spec.horizon
        self._state = np.zeros((1, model.spec.state_size), dtype=np.float32)
        # row j, k: of the vector j + 1 steps from now, made k + 1 steps before it comes
        self._expected = np.full((horizon, horizon, n_features), np.nan, dtype=np.float32)

    def push(
        self, scaled: NDArray[np.float32], seen: NDArray[np.float32]
    ) -> NDArray[np.float32] | None:
        """See Predictor; a row for each step, the nearest first."""
        residual = scaled - self._expected[0]
        ahead, self._state = self._model.step(seen[None, :], self._state)
        state = self._state
        expected = np.full_like(self._expected, np.nan)
        expected[:-1] = self._expected[1:]
        for step in range(len(expected)):
            expected[step, step] = ahead[0]
            if step < len(expected) - 1:
                ahead, state = self._model.step(ahead, state)
        self._expected = expected
        return None if np.isnan(residual).any() else residual

    def state(self) -> dict[str, NDArray[np.float32]]:
        """See Predictor."""
        return {"state": self._state, "expected": self._expected}

    def restore(self, state: dict[str, NDArray[np.float32]]) -> None:
        """See Predictor."""
        _check(state, {"state": self._state.shape, "expected": self._expected.shape}, {})
        self._state, self._expected = state["state"], state["expected"]


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
        """See Predictor; a row for each quantile, or for each vector of the window."""
        length = self._model.spec.window_length
        residual = None
        if self._forecasts and len(self._rows) == length:
            residual = scaled[self._targets] - self._run()
        self._rows = np.concatenate((self._rows, seen[None, :]))[-length:]
        if not self._forecasts and len(self._rows) == length:
            residual = self._rows[:, self._targets] - self._run()
        return residual

    def state(self) -> dict[str, NDArray[np.float32]]:
        """See Predictor."""
        return {"rows": self._rows}

    def restore(self, state: dict[str, NDArray[np.float32]]) -> None:
        """See Predictor."""
        rows = min(len(state.get("rows", ())), self._model.spec.window_length)
        _check(state, {"rows": (rows, self._rows.shape[1])}, {})
        self._rows = state["rows"]

    def _run(self) -> NDArray[np.float32]:
        return self._model.run(self._rows[None]).reshape(self._model.spec.rows, -1)


class ForecastReconstructor:
    """Runs over the last vectors once: what they are, and what is to follow them."""

    def __init__(self, model: Model, n_features: int) -> None:
        """Begin with an empty history of vectors."""
        self._model = model
        self._targets = np.array(model.spec.targets, dtype=np.intp)
        self._rows = np.zeros((0, n_features), dtype=np.float32)
        self._expected: NDArray[np.float32] | None = None

    def push(
        self, scaled: NDArray[np.float32], seen: NDArray[np.float32]
    ) -> NDArray[np.float32] | None:
        """See Predictor; the row of the forecast, then that of the newest vector rebuilt."""
        spec, forecast = self._model.spec, self._expected
        self._rows = np.concatenate((self._rows, seen[None, :]))[-spec.window_length :]
        if len(self._rows) < spec.window_length:
            return None
        rebuilt, self._expected = self._model.run(self._rows[None]).reshape(spec.rows, -1)[-2:]
        if forecast is None:
            return None
        residual: NDArray[np.float32] = np.stack(
            (scaled[self._targets] - forecast, seen[self._targets] - rebuilt)
        )
        return residual

    def state(self) -> dict[str, NDArray[np.float32]]:
        """See Predictor."""
        kept = {"rows": self._rows}
        if self._expected is not None:
            kept["expected"] = self._expected
        return kept

    def restore(self, state: dict[str, NDArray[np.float32]]) -> None:
        """See Predictor."""
        rows = min(len(state.get("rows", ())), self._model.spec.window_length)
        expected = (len(self._targets),)
        _check(state, {"rows": (rows, self._rows.shape[1])}, {"expected": expected})
        self._rows, self._expected = state["rows"], state.get("expected")


def _check(
    state: dict[str, NDArray[np.float32]],
    shapes: dict[str, tuple[int, ...]],
    optional: dict[str, tuple[int, ...]],
) -> None:
    allowed = shapes | {name: shape for name, shape in optional.items() if name in state}
    found = {name: array.shape for name, array in state.items()}
    if found != allowed or any(array.dtype != np.float32 for array in state.values()):
        raise ValueError(
            f"the network's state has arrays of {found}, allowed: float32 of {allowed}"
        )


def predictor(model: AnyModel, n_features: int) -> Predictor:
    """Return the predictor for the family and form of ``model``."""
    if isinstance(model, PlainModel):
        return PlainPredictor(model.spec.family, model.spec.targets, model.spec.window_length)
    positions = model.spec.positions
    if positions > 1:
        one = model.of_one_position()
        return Positions([predictor(one, n_features // positions) for _ in range(positions)])
    if model.spec.horizon > 1:
        return RecursiveForecaster(model, n_features)
    if model.spec.form == "streaming":
        return StreamingForecaster(model)
    if model.spec.family == "forecast_reconstruct":
        return ForecastReconstructor(model, n_features)
    return WindowPredictor(model, n_features)
