"""One step of the streaming network beside a numpy LSTM and beside re-running a window."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.figure import Figure, Goal, compared, figure
from benchmarks.numpy_lstm import NumpyLstm
from benchmarks.turns import cpu_times_us
from edge_agent.pipeline.model import Model, ModelSpec
from edge_agent.pipeline.network import predictor

MODELS = Path(__file__).parent / "models"
UNITS = (8, 32, 15)
N_FEATURES = 11
WINDOW = 50
GOAL = Goal(kind="at_most", wanted=20.0)
_TOLERANCE = 0.1  # weights of 8 bits against the float ones they were made from


def model(name: str, n_features: int, **given: object) -> Model:
    """Load one of the models beside this file."""
    spec = {
        "family": "forecaster",
        "form": "streaming",
        "quantization": "dynamic",
        "window_length": 1,
        "state_size": 0,
        "targets": tuple(range(n_features)),
        "washout": 0,
    }
    content = (MODELS / f"{name}.tflite").read_bytes()
    return Model(content, ModelSpec(**spec | given), n_features)  # type: ignore[arg-type]


def measure(_folder: Path, *, quick: bool) -> list[Figure]:
    """Measure LSTM 8-32-15 and a dense layer on 11 features."""
    streaming = model("step_8_32_15", N_FEATURES, state_size=2 * sum(UNITS))
    window = model(
        "window_8_32_15",
        N_FEATURES,
        form="window",
        quantization="float32",
        window_length=WINDOW,
    )
    with np.load(MODELS / "step_8_32_15.npz") as weights:
        reference = NumpyLstm.of(dict(weights))
    vectors = np.random.default_rng(1).standard_normal((WINDOW, N_FEATURES)).astype(np.float32)
    difference = _difference(streaming, reference, vectors)
    x, state = vectors[:1], np.zeros((1, streaming.spec.state_size), np.float32)
    runner = predictor(streaming, N_FEATURES)
    found = cpu_times_us(
        {
            "step": lambda: streaming.step(x, state),
            "numpy": lambda: reference.step(x),
            "window": lambda: window.run(vectors[None]),
            "push": lambda: runner.push(vectors[0], vectors[0]),
        },
        turns=20 if quick else 200,
        repeat=20,
    )
    return [
        figure(
            "model_step",
            "one step of LSTM 8-32-15 and a dense layer on 11 features, dynamic range, state"
            " carried, processor time",
            "us",
            compared(
                found["step"],
                {
                    f"the fused float32 network re-run over a window of {WINDOW}": found["window"],
                    "the same step in numpy": found["numpy"],
                },
            ),
            GOAL,
            {
                "difference_from_numpy": difference,
                "with_residuals_us": float(np.median(found["push"])),
            },
        )
    ]


def _difference(streaming: Model, reference: NumpyLstm, vectors: NDArray[np.float32]) -> float:
    """Return the largest difference of predictions relative to their spread."""
    state = np.zeros((1, streaming.spec.state_size), np.float32)
    found, expected = [], []
    for row in vectors:
        y, state = streaming.step(row[None], state)
        found.append(y[0])
        expected.append(reference.step(row[None])[0])
    difference = float(np.max(np.abs(np.array(found) - expected)) / np.std(expected))
    if difference > _TOLERANCE:
        raise AssertionError(f"the reference is another network: difference {difference:.2g}")
    return difference
