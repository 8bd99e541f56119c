"""One network over many machines, commissioned on one that it has never seen."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.bundle import Bundle
from edge_agent.bundle.overlay import apply_overlay
from edge_agent.calibration.prepare import Prepared, prepare
from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.block import InputSpec
from edge_agent.pipeline.features import installed_spec
from trainer.commission import commission_bundle
from trainer.evaluate import judge, run
from trainer.general import Asset, GeneralOrder, train_general
from trainer.general_data import choose_features, fit_arrays
from trainer.recipe import load_recipe
from trainer.table import write_table

DEFAULT = load_recipe("default")


def _table(n: int, channels: str, features: tuple[str, ...], seed: int) -> NDArray[np.float64]:
    """The last twenty windows of every channel are three times as loud."""
    rng = np.random.default_rng(seed)
    columns = []
    for _ in channels:
        rms = 0.1 * (1.0 + seed) * np.exp(0.03 * rng.standard_normal(n))
        rms[-20:] *= 3.0
        of = {
            "rms": rms,
            "mean_abs": 0.8 * rms * np.exp(0.01 * rng.standard_normal(n)),
            "kurtosis": 0.1 * rng.standard_normal(n),
            "peak": 4.0 * rms * np.exp(0.05 * rng.standard_normal(n)),
            "std": rms,
        }
        columns += [of[feature] for feature in features]
    return np.stack(columns, axis=1)


def _series(make_series: Any, n: int, channels: str, *features: str, seed: int = 0) -> Series:
    names = tuple(f"{channel}_{feature}" for channel in channels for feature in features)
    made: Series = make_series(_table(n, channels, features, seed), names)
    return made


def _sampled(series: Series, *plugins: str) -> Series:
    channels = tuple(dict.fromkeys(name.partition("_")[0] for name in series.names))
    given = InputSpec(
        kind="samples",
        channels=channels,
        rate_hz=4096.0,
        unit="g",
        length=4096,
        hop=4096,
        period_s=None,
    )
    features = tuple(installed_spec(name) for name in plugins)
    return Series(
        given,
        features,
        series.names,
        series.vectors,
        series.start_ns,
        series.end_ns,
        series.gap,
    )


# --- which features


def test_features_in_common_come_with_the_plugins_that_compute_them(make_series: Any) -> None:
    table = _series(make_series, 3, "ab", "kurtosis", "rms", "peak")
    samples = _sampled(_series(make_series, 3, "x", "rms", "kurtosis"), "rms", "kurtosis")
    features, plugins, left_out = choose_features(DEFAULT, [table, samples])
    assert features == ("rms", "kurtosis")  # in the order of the plugins, not of the table
    assert [plugin.plugin for plugin in plugins] == ["rms", "kurtosis"]
    assert left_out == ("peak",)


def test_tables_alone_may_have_features_that_no_plugin_of_the_recipe_computes(
    make_series: Any,
) -> None:
    table = _series(make_series, 3, "a", "rms", "std")
    assert choose_features(DEFAULT, [table]) == (("rms", "std"), (), ())
    known = _series(make_series, 3, "a", "kurtosis", "rms")
    features, plugins, _ = choose_features(DEFAULT, [known])
    assert features == ("rms", "kurtosis")
    assert len(plugins) == 2


def test_a_plugin_of_which_only_some_numbers_are_common_is_left_out(make_series: Any) -> None:
    bands = tuple(f"band_energy_{i}" for i in range(8))
    names = ("x_rms", *(f"x_{band}" for band in bands))
    samples = _sampled(make_series(np.ones((2, 9)), names), "rms", "band_energies")
    table = make_series(np.ones((2, 2)), ("a_rms", "a_band_energy_3"))
    features, plugins, left_out = choose_features(DEFAULT, [samples, table])
    assert features == ("rms",)
    assert [plugin.plugin for plugin in plugins] == ["rms"]
    assert set(left_out) == set(bands)


# --- what the fit is given


def _prepared(make_series: Any, n: int, seed: int, gaps: tuple[int, ...] = ()) -> Prepared:
    values = _table(n + 20, "a", ("rms", "kurtosis", "peak"), seed)[:n]
    series = make_series(values, ("ch_rms", "ch_kurtosis", "ch_peak"), gaps=gaps)
    return prepare(DEFAULT, series, (0, n))


def test_the_latest_share_of_every_channel_comes_last_for_validation(make_series: Any) -> None:
    every = [_prepared(make_series, 100, 1), _prepared(make_series, 60, 2)]
    inputs, targets, segments = fit_arrays(every, 0.25)
    assert [s.stop - s.start for s in segments] == [52, 32, 18, 10]
    expected = [every[0].seen[:52], every[1].seen[:32], every[0].seen[52:70], every[1].seen[32:42]]
    np.testing.assert_array_equal(inputs, np.concatenate(expected))
    assert len(targets) == len(inputs) == 112


def test_gaps_and_machines_end_a_segment(make_series: Any) -> None:
    every = [_prepared(make_series, 100, 1, gaps=(20, 60)), _prepared(make_series, 60, 2)]
    _, _, segments = fit_arrays(every, 0.25)
    assert [s.stop - s.start for s in segments] == [20, 32, 32, 8, 10, 10]
    _, _, unheld = fit_arrays(every, 0.0)
    assert [s.stop - s.start for s in unheld] == [20, 40, 10, 42]


# --- the whole way


@pytest.mark.training
@pytest.mark.usefixtures("tensorflow")
def test_a_machine_never_seen_is_watched_after_commissioning(
    make_series: Any, tmp_path: Path, edge_trainer: Any
) -> None:
    features = ("rms", "mean_abs", "peak", "kurtosis")
    write_table(tmp_path / "one.csv", _series(make_series, 100, "ab", *features, seed=1))
    write_table(tmp_path / "two.csv", _series(make_series, 100, "c", *features, "std", seed=2))
    ended = edge_trainer(
        *("train", "--general", "--out", tmp_path / "g.edgemodel", "--json"),
        *("--recipe", _short_recipe(tmp_path)),
        *("--data", tmp_path / "one.csv", "--healthy", "0:80"),
        *("--data", tmp_path / "two.csv", "--healthy", "5:80"),
    )
    assert ended.returncode == 0, ended.stderr
    found = msgspec.json.decode(ended.stdout)
    assert found["left_out"] == []  # the recipe takes no column called std
    assert [p["windows"] for p in found["positions"]] == [80, 80, 75]
    assert all(80 <= p["first_alarm"] < 90 for p in found["positions"])

    bundle = Bundle.read(tmp_path / "g.edgemodel")
    bundle.verify_golden()
    manifest = bundle.manifest
    assert (manifest.form, manifest.calibration) == ("general", DEFAULT.calibration)
    assert manifest.flow.feature_names == tuple(f"ch_{feature}" for feature in features)
    trained_on = manifest.training.positions
    assert [(p.asset, p.channel, p.healthy) for p in trained_on] == [
        ("one.csv", "a", (0, 80)),
        ("one.csv", "b", (0, 80)),
        ("two.csv", "c", (5, 80)),
    ]

    unseen = _series(make_series, 90, "xyz", *features, seed=9)
    overlay, made = commission_bundle(bundle, unseen, (0, 60))
    results = run(made.flow, made.model, made.series)
    verdict = judge(results, made.series, (0, 60))
    assert verdict.alarms_in_healthy == 0
    assert 70 <= (verdict.first_alarm or 0) < 80
    flow = apply_overlay(overlay, bundle).flow()
    again = [flow.push_vector(v, i, i + 1).score for i, v in enumerate(made.series.vectors)]
    assert again == [result.score for result in results]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--data", "b.csv"), 64, "--data is given 2 times and --healthy 1 times"),
        (("--data", "b.csv", "--healthy", "0:9"), 64, "allowed with --general only"),
        (("--general", "--report", "r.html"), 64, "no machine to report on"),
        (("--general",), 65, "--healthy is 0:60, allowed: within 0:30"),
    ],
)
@pytest.mark.usefixtures("tensorflow")
def test_what_does_not_go_together_is_refused(
    make_series: Any,
    tmp_path: Path,
    edge_trainer: Any,
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    write_table(tmp_path / "a.csv", _series(make_series, 30, "a", "rms"))
    ended = edge_trainer(
        *("train", "--data", tmp_path / "a.csv", "--healthy", "0:60"),
        *("--out", tmp_path / "g.edgemodel", *arguments),
    )
    assert ended.returncode == code, ended.stderr
    assert said in ended.stderr


def test_a_channel_that_does_not_do_is_named(make_series: Any) -> None:
    assets = [Asset("pump-3", _series(make_series, 30, "a", "rms"), (0, 10))]
    with pytest.raises(DataError, match="pump-3, channel a: healthy is 0:10 with 10 windows"):
        train_general(GeneralOrder(DEFAULT, "g", "1.0.0"), assets)


def _short_recipe(folder: Path) -> Path:
    text = Path(__file__).parents[2].joinpath("trainer/recipes/default.toml").read_text("utf-8")
    path = folder / "short.toml"
    path.write_text(text.replace("epochs = 60", "epochs = 2"))
    return path
