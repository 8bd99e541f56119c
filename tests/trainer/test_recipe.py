import math
from pathlib import Path

import pytest

from edge_agent.pipeline.dynamic import DynamicSpec
from trainer.fit import FitSpec
from trainer.networks import NetworkSpec
from trainer.recipe import Recipe, RecipeError, load_recipe, recipe_names


def _to_fit(recipe: Recipe) -> tuple[NetworkSpec, FitSpec]:
    assert recipe.to_fit is not None
    return recipe.to_fit


SYSTEMS = [
    "aer",
    "baosight",
    "cerliani-quantile",
    "chickenbestlover",
    "default",
    "gru-next-step",
    "larzalere",
    "singh-stateful",
    "telemanom",
    "zoo-anomaly-detector",
]


def test_every_published_system_comes_with_the_trainer() -> None:
    assert set(SYSTEMS) <= set(recipe_names())
    assert {name for name in recipe_names() if load_recipe(name).network} == set(SYSTEMS)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_loads_and_says_where_it_comes_from(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.summary.endswith(".")
    assert recipe.source


def test_baosight_is_what_was_published() -> None:
    recipe = load_recipe("baosight")
    assert [p.plugin for p in recipe.features.plugins] == [
        "rms",
        "kurtosis",
        "peak",
        "band_energies",
    ]
    assert recipe.targets == ("rms",)
    network, fit = _to_fit(recipe)
    assert (network.family, network.units, network.window_length) == ("forecaster", (8, 32, 15), 50)
    assert network.dropouts == (0.0, 0.0, 0.0)
    assert recipe.scaler.kind == "standard"
    assert recipe.denoise is not None
    assert (fit.optimizer, fit.loss) == ("rmsprop", "mse")
    assert (fit.batch_size, fit.epochs) == (1024, 20)
    assert recipe.scorer.kind == "absolute_error"
    assert (recipe.threshold.method, recipe.threshold.parameter) == ("top_percent", 10.0)


def test_larzalere_is_what_was_published() -> None:
    recipe = load_recipe("larzalere")
    assert [p.plugin for p in recipe.features.plugins] == ["mean_abs"]
    network, fit = _to_fit(recipe)
    assert (network.family, network.layer_units) == ("autoencoder", (16, 4, 4, 16))
    assert (network.window_length, network.activation) == (1, "relu")
    assert recipe.scaler.kind == "min_max"
    assert (fit.optimizer, fit.loss, fit.epochs, fit.batch_size) == ("adam", "mae", 100, 10)
    assert (fit.validation_share, fit.seed) == (0.05, 10)
    assert (recipe.threshold.method, recipe.threshold.parameter) == ("fixed", 0.275)


def test_zoo_is_what_was_published() -> None:
    recipe = load_recipe("zoo-anomaly-detector")
    network, fit = _to_fit(recipe)
    assert (network.units, network.window_length) == ((8, 32, 15), 24)
    assert network.dropouts == (0.0, 0.2, 0.2)
    assert (fit.optimizer, fit.loss, fit.batch_size, fit.epochs) == ("rmsprop", "mse", 1024, 20)
    assert recipe.threshold.method == "top_percent"


def test_cerliani_is_what_was_published() -> None:
    recipe = load_recipe("cerliani-quantile")
    network, fit = _to_fit(recipe)
    assert (network.units, network.bidirectional, network.linear_out) == ((64, 16), True, 50)
    assert (network.window_length, network.quantiles) == (48, (0.1, 0.5, 0.9))
    assert (fit.loss, fit.batch_size, fit.epochs, fit.seed) == ("pinball", 128, 50, 33)
    assert recipe.season is not None
    assert (recipe.season.period, recipe.season.bin_s) == ("week", 3600)
    assert (recipe.season.mode, recipe.season.statistic) == ("ratio", "mean")
    assert recipe.scorer.kind == "interval_width"


def test_chickenbestlover_is_what_was_published() -> None:
    recipe = load_recipe("chickenbestlover")
    network, fit = _to_fit(recipe)
    assert (network.form, network.units, network.linear_in) == ("streaming", (32, 32), 32)
    assert (network.horizon, network.dropouts) == (10, (0.2, 0.2))
    assert fit.free_running
    assert (fit.sequence_length, fit.input_noise, fit.seed) == (50, 0.05, 1111)
    assert recipe.scorer.kind == "horizon_mahalanobis"


def test_singh_carries_its_state_and_takes_the_published_density_for_a_threshold() -> None:
    recipe = load_recipe("singh-stateful")
    network, fit = _to_fit(recipe)
    assert (network.form, network.units, network.dropouts) == ("streaming", (300,), (0.2,))
    assert fit.stateful
    assert recipe.scorer.kind == "log_density"
    # ln density -24 from the peak of a normal density of variance 0.08
    peak = -0.5 * math.log(2.0 * math.pi * 0.08)
    assert recipe.threshold.parameter == pytest.approx(peak + 24.0, abs=0.2)


def test_gru_is_what_was_published() -> None:
    recipe = load_recipe("gru-next-step")
    network, fit = _to_fit(recipe)
    assert (network.form, network.cell, fit.loss) == ("streaming", "gru", "mse")
    assert (fit.washout, recipe.washout, fit.validation_share) == (60, 60, 0.2)
    assert recipe.search is not None
    assert recipe.scorer.kind == "squared_error"
    assert (recipe.threshold.method, recipe.threshold.parameter) == ("mean_sigma", 5.0)


def test_telemanom_is_what_was_published() -> None:
    recipe = load_recipe("telemanom")
    network, fit = _to_fit(recipe)
    assert (network.units, network.window_length, network.dropouts) == ((80, 80), 250, (0.3, 0.3))
    assert (fit.lookahead, fit.batch_size, fit.epochs, fit.patience) == (10, 64, 35, 10)
    assert (fit.least_gain, fit.validation_share) == (0.0003, 0.2)
    assert recipe.smoothing.alpha == pytest.approx(2.0 / (105 + 1))
    assert recipe.threshold.method == "dynamic"
    assert recipe.threshold.dynamic == DynamicSpec(length=2100, every=70, padding=100, prune=0.13)


def test_aer_is_what_was_published() -> None:
    recipe = load_recipe("aer")
    network, fit = _to_fit(recipe)
    assert (network.family, network.bidirectional) == ("forecast_reconstruct", True)
    assert (network.units, network.window_length, fit.forecast_share) == ((30,), 100, 0.5)
    assert recipe.scorer.kind == "product"


def test_saeed_gaussian_is_what_was_published_but_for_its_threshold() -> None:
    recipe = load_recipe("saeed-gaussian")
    assert (recipe.kind, recipe.network, recipe.plain.family) == ("system", None, "none")
    assert (recipe.scorer.kind, recipe.smoothing.alpha) == ("log_density", 1.0)
    assert recipe.threshold.method == "quantile"  # theirs looks at the labels it is judged by


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("[plain]", "[plane]", "unknown field `plane`"),
        ('quantization = "none"', 'quantization = "int8"', "'none' without a network"),
        ("[plain]", "[fit]\nepochs = 1\nbatch_size = 1\n[plain]", "allowed: both or neither"),
    ],
)
def test_half_a_network_is_refused(tmp_path: Path, old: str, new: str, reason: str) -> None:
    text = (Path(__file__).parents[2] / "trainer/recipes/cusum.toml").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(RecipeError, match=f"mine.toml: .*{reason}"):
        load_recipe(str(path))


def test_default_streams_washes_out_within_20_windows_and_cannot_follow_a_drift() -> None:
    recipe = load_recipe("default")
    network, fit = _to_fit(recipe)
    assert network.form == "streaming"
    assert fit.stateful
    assert recipe.washout <= 20
    assert network.output_bound is not None
    assert recipe.scaler.input_clip is not None
    assert recipe.level is not None
    assert recipe.gate is not None


def test_a_recipe_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(RecipeError, match=r"'bao' not found, allowed: .*baosight, .*larzalere"):
        load_recipe("bao")


def _with(tmp_path: Path, old: str, new: str) -> str:
    text = (Path(__file__).parents[2] / "trainer/recipes/default.toml").read_text()
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1))
    return str(path)


def test_a_recipe_may_be_a_file_of_ones_own(tmp_path: Path) -> None:
    _, fit = _to_fit(load_recipe(_with(tmp_path, "epochs = 60", "epochs = 7")))
    assert fit.epochs == 7


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("epochs = 60", "epocs = 60", "unknown field `epocs` - at `\\$.fit`"),
        ("epochs = 60", "epochs = 0", "epochs is 0; 1 or more is allowed - at `\\$.fit`"),
        ("epochs = 60", 'epochs = "many"', "Expected `int`, got `str` - at `\\$.fit.epochs`"),
        ("units = [16]", "units = []", "units is .* - at `\\$.network`"),
        ("alpha = 0.35", "alpha = 0.0", "smoothing.alpha is 0.0"),
        ("k = 2", "k = 4", "alarm.k is 4, allowed: 1 to alarm.n"),
        ("held_out_share = 0.3\n", "", "missing required field `held_out_share`"),
        ("held_out_share = 0.3", "held_out_share = ", "Invalid value"),
    ],
)
def test_a_wrong_recipe_is_refused_naming_file_and_key(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    with pytest.raises(RecipeError, match=f"mine.toml: .*{reason}"):
        load_recipe(_with(tmp_path, old, new))


def test_a_recipe_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bytes.toml"
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(RecipeError, match=r"bytes\.toml: cannot be read"):
        load_recipe(str(path))
