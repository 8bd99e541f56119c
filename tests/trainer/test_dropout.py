"""Passes with dropout in use: what is dropped, what comes of them, and that nothing of it ships."""

import os
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from edge_agent.bundle import Bundle
from edge_agent.recordings import open_recording
from trainer.cli.requirements import require_dropout
from trainer.cli.tables import dropout_lines
from trainer.data import input_spec, read_series
from trainer.dropout import interval, judge_passes, may_pass, rank_correlation
from trainer.evaluate import Evaluation, run
from trainer.failures import Failure
from trainer.learn import Learned, learn
from trainer.networks import FittedNetwork, NetworkError, NetworkSpec, predict_passes
from trainer.networks import predict_windows as predict
from trainer.outcome import Truth, measure, outcome_of
from trainer.recipe import load_recipe, recipe_names
from trainer.table import write_table

replace = msgspec.structs.replace
MakeNetwork = Callable[..., FittedNetwork]

QUANTILES = NetworkSpec(
    family="forecaster",
    form="window",
    units=(6, 5),
    bidirectional=True,
    window_length=12,
    quantiles=(0.1, 0.5, 0.9),
    dropout=0.5,
)
LABELS = np.zeros(700, dtype=np.bool_)
LABELS[600:630] = True
SHORT = (  # two epochs of a network of six units over eight hours
    ("epochs = 50", "epochs = 2"),
    ("units = [64, 16]", "units = [6, 4]"),
    ("window_length = 48", "window_length = 16"),
    ("warm_up = 64", "warm_up = 20"),
)


@pytest.fixture(scope="module")
def windows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.stack([vectors[i : i + 12, :3] for i in range(8)])


# --- the network


def test_behind_the_last_layer_the_passes_mean_is_the_forecast_without_dropout(
    random_network: MakeNetwork, windows: NDArray[np.float32]
) -> None:
    network = random_network(replace(QUANTILES, dropout=(0.0, 0.4)), 3, 2)
    passes = predict_passes(network, windows, 4000, np.random.default_rng(1))
    assert passes.shape == (4000, 8, 6)
    assert passes.dtype == np.float32
    spread = passes.std(axis=0)
    assert spread.min() > 0.02
    off = np.abs(passes.mean(axis=0) - predict(network, windows)) / (spread / np.sqrt(4000))
    assert off.max() < 4.5


def test_without_dropout_every_pass_is_the_forecast(
    random_network: MakeNetwork, windows: NDArray[np.float32]
) -> None:
    network = random_network(replace(QUANTILES, dropout=0.0), 3, 2)
    passes = predict_passes(network, windows, 3, np.random.default_rng(1))
    np.testing.assert_allclose(passes, predict(network, windows)[None].repeat(3, 0), rtol=1e-5)


def test_a_share_near_one_leaves_little_but_the_bias_of_most_passes(
    random_network: MakeNetwork, windows: NDArray[np.float32]
) -> None:
    network = random_network(replace(QUANTILES, dropout=(0.0, 0.98)), 3, 2)
    passes = predict_passes(network, windows, 1000, np.random.default_rng(1))
    bare = np.isclose(passes, network.head_bias, atol=1e-6).all(axis=2).mean()
    assert bare == pytest.approx(0.98**10, abs=0.02)  # ten outputs, five in each direction


def test_the_same_seed_drops_the_same(
    random_network: MakeNetwork, windows: NDArray[np.float32]
) -> None:
    network = random_network(QUANTILES, 3, 2)
    first, again, other = (
        predict_passes(network, windows, 20, np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def _in_keras(
    network: FittedNetwork, windows: NDArray[np.float32], passes: int
) -> NDArray[np.float32]:
    from trainer.fit.keras_network import build_network, load_tensorflow

    _, keras = load_tensorflow()
    keras.utils.set_random_seed(3)
    spec = network.spec
    model = build_network(keras, spec, network.n_inputs, network.n_outputs * spec.heads)
    model.set_weights(list(network.arrays().values()))
    repeated = np.repeat(windows, passes, axis=0)
    outputs = np.asarray(model(repeated, training=True), dtype=np.float32)
    return outputs.reshape(len(windows), passes, -1).swapaxes(0, 1)


def test_the_passes_spread_as_those_of_the_network_that_is_fitted(
    elsewhere: Callable[..., Any], random_network: MakeNetwork, windows: NDArray[np.float32]
) -> None:
    network = random_network(replace(QUANTILES, dropout=(0.5, 0.3)), 3, 2, scale=0.8)
    ours = predict_passes(network, windows, 3000, np.random.default_rng(1))
    theirs = elsewhere(_in_keras, network, windows, 3000)
    at = (0.05, 0.25, 0.5, 0.75, 0.95)
    spread = ours.std(axis=0)
    apart = (np.quantile(ours, at, axis=0) - np.quantile(theirs, at, axis=0)) / spread
    assert np.abs(apart).max() < 0.2  # five standard errors of the outer quantiles
    np.testing.assert_allclose(theirs.std(axis=0), spread, rtol=0.08)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"family": "autoencoder", "quantiles": ()}, "a forecaster without"),
        ({"linear_in": 4}, "linear_in 4"),
        ({"form": "streaming", "window_length": 1, "bidirectional": False}, "the form 'streaming'"),
    ],
)
def test_other_networks_are_refused(
    random_network: MakeNetwork, windows: NDArray[np.float32], changes: Any, words: str
) -> None:
    network = random_network(replace(QUANTILES, **changes), 3, 3)
    with pytest.raises(NetworkError, match=words):
        predict_passes(network, windows, 10, np.random.default_rng(1))


# --- the score


def test_the_interval_is_that_of_the_passes_own_quantiles() -> None:
    rng = np.random.default_rng(2)
    passes = rng.normal([0.0, 5.0, 10.0], [1.0, 2.0, 3.0], (20_000, 4, 3)).astype(np.float32)
    made = interval(passes, QUANTILES)
    assert made.dtype == np.float32
    normal = 1.2816  # its 0.9-quantile
    np.testing.assert_allclose(made, [[-normal, 5.0, 10.0 + 3.0 * normal]] * 4, atol=0.1)


def test_the_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(4)
    a = np.round(rng.random(200), 1)  # with many that are equal
    b = np.round(a + rng.random(200), 1)
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)
    assert rank_correlation(a, np.ones(200)) is None
    assert rank_correlation(a[:0], b[:0]) is None


# --- the command


def test_cerliani_alone_publishes_it() -> None:
    assert [name for name in recipe_names() if may_pass(load_recipe(name))] == ["cerliani-quantile"]


@pytest.mark.parametrize("recipe", ["default", "zoo-anomaly-detector", "ewma"])
def test_a_recipe_without_such_a_score_is_refused(recipe: str) -> None:
    with pytest.raises(Failure, match=f"recipe {recipe}: --mc-dropout .* cerliani-quantile") as at:
        require_dropout(load_recipe(recipe))
    assert at.value.exit_code == os.EX_USAGE


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--recipe", "default"), "recipe default: --mc-dropout"),
        (("--general",), "--mc-dropout: no general network was published"),
    ],
)
def test_it_is_refused_before_anything_is_read(
    edge_trainer: Any, tmp_path: Path, option: tuple[str, ...], words: str
) -> None:
    given = ["--data", tmp_path / "none.csv", "--healthy", "0:90", "--out", tmp_path / "b"]
    ended = edge_trainer("train", *given, *option, "--mc-dropout", "20")
    assert (ended.returncode, ended.stdout) == (os.EX_USAGE, "")
    assert words in ended.stderr


@pytest.fixture(scope="module")
def recorded(make_series: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a series, its labels and a recipe that is made small."""
    folder = tmp_path_factory.mktemp("dropout")
    rng = np.random.default_rng(4)
    day = np.sin(2.0 * np.pi * np.arange(700) / 48.0)
    values = 15000.0 + 8000.0 * day + 500.0 * rng.standard_normal(700)
    values[LABELS] *= 0.2
    write_table(folder / "table.csv", make_series(values, ("value",), period_s=1800.0))
    (folder / "labels.txt").write_text("\n".join(str(int(flag)) for flag in LABELS))
    text = resources.files("trainer.recipes").joinpath("cerliani-quantile.toml").read_text()
    for long, short in SHORT:
        assert text.count(long) == 1
        text = text.replace(long, short)
    (folder / "short.toml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def judged(tensorflow: None, recorded: Path) -> tuple[Learned, Evaluation]:
    """What was learned, and as much of an evaluation as ``dropout_lines`` shows."""
    recipe = load_recipe(str(recorded / "short.toml"))
    recording = open_recording(recorded / "table.csv")
    series = read_series(recording, recipe, input_spec(recording, recipe))
    learned = learn(recipe, series, (0, 500), recipe.seed)
    results = run(learned.shipped.spec, learned.shipped.model, series)
    truth = Truth(series, (0, 500), LABELS)
    evaluation = Evaluation(
        windows=700,
        scored=0,
        not_scored={},
        healthy=(0, 500),
        verdicts={"network": measure(outcome_of(results, learned.shipped.spec), truth)},
        parity=None,
        dropout=judge_passes(20, recipe.seed, recipe, learned, truth, results),
    )
    return learned, evaluation


@pytest.mark.training
@pytest.mark.timeout(1200)
def test_the_passes_are_judged_as_what_ships_is(judged: tuple[Learned, Evaluation]) -> None:
    found = judged[1].dropout
    assert found is not None
    assert (found.passes, found.ships) == (20, False)
    assert found.widening > 1.0  # the network's own doubt comes on top
    assert found.rank_correlation is not None
    assert -1.0 <= found.rank_correlation <= 1.0
    assert found.verdicts.labelled is not None
    lines = list(dropout_lines(judged[1]))
    assert lines[0] == "20 passes with dropout in use, for comparison only; they do not ship:"
    assert list(dropout_lines(replace(judged[1], dropout=None))) == []


@pytest.mark.training
@pytest.mark.timeout(1200)
def test_the_command_says_the_same_and_ships_nothing_of_it(
    judged: tuple[Learned, Evaluation], edge_trainer: Any, recorded: Path, tmp_path: Path
) -> None:
    page, out = tmp_path / "page.html", tmp_path / "b.edgemodel"
    given = ["train", "--recipe", recorded / "short.toml", "--data", recorded / "table.csv"]
    given += ["--healthy", "0:500", "--labels", recorded / "labels.txt", "--mc-dropout", "20"]
    ended = edge_trainer(*given, "--out", out, "--report", page)
    assert ended.returncode == 0, ended.stderr
    learned, evaluation = judged
    assert ended.stdout.splitlines()[-4:] == list(dropout_lines(evaluation))

    bundle = Bundle.read(out)
    assert learned.network is not None
    assert bundle.model == learned.network.exported.model
    assert bundle.manifest.flow.threshold == learned.shipped.spec.threshold
    text = page.read_text()
    assert "For comparison only, nothing of it ships" in text
    assert "20 passes with dropout" in text
