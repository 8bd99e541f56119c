import subprocess
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.fit import FitError, FitSpec, SearchSpec, fit_best, fit_network
from trainer.networks import (
    FittedNetwork,
    NetworkSpec,
    predict_step,
    predict_stream,
    predict_windows,
)

Elsewhere = Callable[..., Any]

STREAMING = NetworkSpec(family="forecaster", form="streaming", units=(12,), dropout=0.1)
FIT = FitSpec(
    epochs=6,
    batch_size=4,
    learning_rate=0.01,
    sequence_length=20,
    washout=5,
    stateful=True,
    input_noise=0.05,
    seed=3,
)
RUNS = [slice(0, 180), slice(190, 400)]


def _same(a: FittedNetwork, b: FittedNetwork) -> bool:
    others = b.arrays()
    return all(np.array_equal(array, others[name]) for name, array in a.arrays().items())


def test_the_trainer_is_imported_without_tensorflow() -> None:
    program = (
        "import sys, trainer, trainer.fit, trainer.networks, trainer.quantize;"
        "sys.exit(bool({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("spec", "fit"),
    [
        (STREAMING, FIT),
        (
            msgspec.structs.replace(STREAMING, cell="gru"),
            msgspec.structs.replace(FIT, stateful=False, optimizer="rmsprop", loss="huber"),
        ),
        (
            NetworkSpec(family="autoencoder", form="window", units=(8, 4), dropout=0.2),
            FitSpec(epochs=2, batch_size=50, loss="mae", seed=1),
        ),
    ],
)
def test_the_same_seed_gives_the_same_weights_bit_for_bit(
    elsewhere: Elsewhere, vectors: NDArray[np.float32], spec: NetworkSpec, fit: FitSpec
) -> None:
    fits = [elsewhere(fit_network, spec, fit, vectors, vectors, RUNS) for _ in range(2)]
    assert _same(*fits)


def test_another_seed_gives_other_weights(
    elsewhere: Elsewhere, vectors: NDArray[np.float32]
) -> None:
    seeds = [msgspec.structs.replace(FIT, epochs=1, seed=seed) for seed in (1, 2)]
    fits = [elsewhere(fit_network, STREAMING, fit, vectors, vectors, RUNS) for fit in seeds]
    assert not _same(*fits)


def test_a_streaming_forecaster_learns_what_comes_next(elsewhere: Elsewhere) -> None:
    clean = np.sin(np.arange(400)[:, None] / (5.0 + np.arange(4))).astype(np.float32)
    fit = msgspec.structs.replace(FIT, epochs=40, input_noise=0.0)
    network = elsewhere(fit_network, STREAMING, fit, clean, clean[:, :2], RUNS)
    predictions, _ = predict_stream(network, clean)
    error = predictions[30:-1] - clean[31:, :2]
    assert np.sqrt(np.mean(error**2)) < 0.25 * clean.std()
    assert network.n_outputs == 2


def test_a_window_forecaster_learns_what_comes_next(elsewhere: Elsewhere) -> None:
    clean = np.sin(np.arange(300)[:, None] / (5.0 + np.arange(3))).astype(np.float32)
    spec = NetworkSpec(family="forecaster", form="window", units=(12,), window_length=8)
    fit = FitSpec(epochs=30, batch_size=32, learning_rate=0.01)
    network = elsewhere(fit_network, spec, fit, clean, clean, [slice(0, 300)])
    windows = np.stack([clean[start : start + 8] for start in range(290)])
    error = predict_windows(network, windows) - clean[8:298]
    assert np.sqrt(np.mean(error**2)) < 0.25 * clean.std()


def test_stateful_training_carries_the_state_from_chunk_to_chunk(
    elsewhere: Elsewhere, vectors: NDArray[np.float32]
) -> None:
    # with a learning rate of next to nothing the loss is that of the first weights
    fit = FitSpec(
        epochs=1, batch_size=1, learning_rate=1e-12, sequence_length=10, washout=3, stateful=True
    )
    spec = msgspec.structs.replace(STREAMING, dropout=0.0)
    network = elsewhere(fit_network, spec, fit, vectors, vectors, [slice(0, 400)])
    streamed, _ = predict_stream(network, vectors)
    expected = np.mean((streamed[3:-1] - vectors[4:]) ** 2)
    assert network.history.loss[0] == pytest.approx(expected, rel=1e-5)

    alone = msgspec.structs.replace(fit, stateful=False)
    reset = elsewhere(fit_network, spec, alone, vectors, vectors, [slice(0, 400)])
    assert reset.history.loss[0] != pytest.approx(expected, rel=1e-3)


def test_the_fit_stops_early_and_keeps_the_best_epoch(
    elsewhere: Elsewhere, vectors: NDArray[np.float32]
) -> None:
    fit = msgspec.structs.replace(
        FIT, epochs=60, learning_rate=0.2, validation_share=0.25, patience=3
    )
    early = elsewhere(fit_network, STREAMING, fit, vectors, vectors, RUNS)
    history = early.history
    stopped = len(history.loss)
    assert stopped == history.best_epoch + 1 + 3 < 60
    assert history.best_epoch == int(np.argmin(history.val_loss))
    best = msgspec.structs.replace(fit, epochs=history.best_epoch + 1, patience=0)
    assert _same(early, elsewhere(fit_network, STREAMING, best, vectors, vectors, RUNS))


@pytest.mark.parametrize(
    ("inputs", "targets", "reason"),
    [
        (np.zeros((5, 2)), np.zeros((5, 2), np.float32), "inputs are float64"),
        (np.zeros((5, 2), np.float32), np.zeros((4, 2), np.float32), "4 of targets"),
        (np.full((5, 2), np.nan, np.float32), np.zeros((5, 2), np.float32), "not finite"),
    ],
)
def test_data_that_cannot_be_learnt_from_are_refused(
    inputs: Any, targets: Any, reason: str
) -> None:
    with pytest.raises(FitError, match=reason):
        fit_network(STREAMING, FIT, inputs, targets, [slice(0, 5)])


def test_a_fit_that_runs_away_is_an_error_with_advice(elsewhere: Elsewhere) -> None:
    huge = np.full((60, 2), 1e30, dtype=np.float32)
    fit = FitSpec(epochs=2, batch_size=2, sequence_length=10)
    with pytest.raises(FitError, match="smaller learning_rate"):
        elsewhere(fit_network, STREAMING, fit, huge, huge, [slice(0, 60)])


@pytest.mark.parametrize("form", ["window", "streaming"])
def test_of_a_network_fitted_to_several_steps_the_first_is_kept(
    elsewhere: Elsewhere, vectors: NDArray[np.float32], form: Any
) -> None:
    spec = msgspec.structs.replace(STREAMING, form=form, window_length=4 if form == "window" else 1)
    fit = FitSpec(epochs=1, batch_size=8, sequence_length=20, lookahead=3, learning_rate=1e-12)
    both = [slice(0, 60)]
    network = elsewhere(fit_network, spec, fit, vectors, vectors[:, :2], both)
    assert network.head_kernel.shape == (12, 2)
    # the loss is over all three steps: not that of the one that was kept
    alone = msgspec.structs.replace(fit, lookahead=1)
    first = elsewhere(fit_network, spec, alone, vectors, vectors[:, :2], both)
    assert network.history.loss[0] != pytest.approx(first.history.loss[0], rel=1e-3)


def test_fitting_on_its_own_forecasts_makes_them_better(elsewhere: Elsewhere) -> None:
    clean = np.sin(np.arange(400)[:, None] / (5.0 + np.arange(2))).astype(np.float32)
    errors = {}
    for free in (True, False):
        fit = msgspec.structs.replace(
            FIT, epochs=30, learning_rate=0.02, free_running=free, washout=0, input_noise=0.0
        )
        network = elsewhere(fit_network, STREAMING, fit, clean, clean, [slice(0, 400)])
        _, state = predict_stream(network, clean[:199])
        x = clean[199:200]
        own = []
        for _ in range(20):
            x, state = predict_step(network, x, state)
            own.append(x[0])
        errors[free] = float(np.mean((np.array(own) - clean[200:220]) ** 2))
    assert errors[True] < 0.7 * errors[False]


def test_a_search_keeps_the_candidate_of_the_least_validation_loss(
    elsewhere: Elsewhere, vectors: NDArray[np.float32]
) -> None:
    fit = msgspec.structs.replace(FIT, epochs=2, validation_share=0.25)
    search = SearchSpec(units=((4,), (12,)), learning_rate=(1e-9, 0.01))
    found = elsewhere(fit_best, STREAMING, fit, search, vectors, vectors, RUNS)
    trials = found.history.trials
    assert [(t.units, t.learning_rate) for t in trials] == [
        ((4,), 1e-9),
        ((4,), 0.01),
        ((12,), 1e-9),
        ((12,), 0.01),
    ]
    best = min(trials, key=lambda trial: trial.val_loss)
    assert found.spec.units == best.units
    assert found.history.val_loss[-1] == best.val_loss
    alone = msgspec.structs.replace(STREAMING, units=best.units)
    slow = msgspec.structs.replace(fit, learning_rate=best.learning_rate)
    assert _same(found, elsewhere(fit_network, alone, slow, vectors, vectors, RUNS))


def test_a_search_without_anything_to_choose_by_is_refused() -> None:
    rows = np.zeros((50, 2), np.float32)
    with pytest.raises(FitError, match="needs a validation_share"):
        fit_best(STREAMING, FIT, SearchSpec(units=((4,),)), rows, rows, [slice(0, 50)])


WINDOW = NetworkSpec(family="forecaster", form="window", units=(4,), window_length=5)


@pytest.mark.parametrize(
    ("spec", "change", "outputs", "reason"),
    [
        (STREAMING, {"loss": "pinball"}, 2, "go together"),
        (msgspec.structs.replace(WINDOW, quantiles=(0.1, 0.9)), {}, 2, "go together"),
        (msgspec.structs.replace(WINDOW, family="autoencoder"), {"lookahead": 2}, 2, "lookahead"),
        (msgspec.structs.replace(STREAMING, memory_alpha=0.1), {"lookahead": 2}, 2, "lookahead"),
        (WINDOW, {"free_running": True}, 2, "goes with a streaming network"),
        (STREAMING, {"free_running": True}, 1, "forecast of all 2 inputs"),
        (msgspec.structs.replace(STREAMING, horizon=3), {}, 1, "forecast of all 2 inputs"),
    ],
)
def test_a_fit_that_is_not_for_the_network_is_refused(
    spec: NetworkSpec, change: dict[str, Any], outputs: int, reason: str
) -> None:
    rows = np.zeros((60, 2), np.float32)
    fit = msgspec.structs.replace(FIT, **change)
    with pytest.raises(FitError, match=reason):
        fit_network(spec, fit, rows, rows[:, :outputs], [slice(0, 60)])
