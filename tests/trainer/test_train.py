"""Every recipe goes the whole way, and the same seed goes it the same way again."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.bundle import Bundle
from edge_agent.calibration.series import Series
from edge_agent.recordings import Recording, open_recording
from trainer.data import input_spec, read_series
from trainer.evaluate import run
from trainer.learn import learn
from trainer.outcome import Truth, measure, outcome_of
from trainer.recipe import Recipe, load_recipe
from trainer.table import write_table
from trainer.train import Order, Trained, train

pytestmark = pytest.mark.usefixtures("tensorflow", "without_pictures")

replace = msgspec.structs.replace


def _short(name: str, **fit: Any) -> Recipe:
    recipe = load_recipe(name)
    assert recipe.fit is not None
    return replace(recipe, fit=replace(recipe.fit, **({"epochs": 2} | fit)))


def _table(folder: Path, series: Series, recipe: Recipe) -> tuple[Recording, Series]:
    path = folder / "table.csv"
    write_table(path, series)
    recording = open_recording(path)
    return recording, read_series(recording, recipe, input_spec(recording, recipe))


def _trained(folder: Path, series: Series, recipe: Recipe, last: int) -> tuple[Trained, Bundle]:
    recording, read = _table(folder, series, recipe)
    trained = train(Order(recipe, (0, last), "t", "1.0.0"), recording, read)
    path = folder / "t.edgemodel"
    path.write_bytes(trained.bundle)
    bundle = Bundle.read(path)
    bundle.verify_golden()
    # what the gateway computes from the table is what was evaluated
    results = list(_replayed(bundle, recording))
    found = measure(outcome_of(results, bundle.manifest.flow), Truth(read, (0, last)))
    assert found == trained.evaluation.verdicts["all"]
    return trained, bundle


def _replayed(bundle: Bundle, recording: Recording) -> Any:
    flow = bundle.load().flow()
    for block in recording.blocks():
        yield from flow.push_block(block)


def _vibration(n: int, channels: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """rms, mean_abs, kurtosis, peak of each channel, n windows; the last 20 are three times up."""
    columns = []
    for _ in channels:
        rms = 0.1 * np.exp(0.03 * rng.standard_normal(n))
        rms[-20:] *= 3.0
        columns += [rms, 0.8 * rms, 0.1 * rng.standard_normal(n), 4.0 * rms]
        columns[-1] *= np.exp(0.05 * rng.standard_normal(n))
    return np.stack(columns, axis=1)


def _names(channels: str) -> tuple[str, ...]:
    parts = ("rms", "mean_abs", "kurtosis", "peak")
    return tuple(f"{channel}_{part}" for channel in channels for part in parts)


@pytest.mark.training
@pytest.mark.parametrize(
    ("name", "fit", "used"),
    [
        ("baosight", {}, ("a_rms", "a_kurtosis", "a_peak", "b_rms", "b_kurtosis", "b_peak")),
        ("larzalere", {"epochs": 40}, ("a_mean_abs", "b_mean_abs")),
    ],
)
def test_a_published_recipe_goes_all_the_way(
    tmp_path: Path, make_series: Any, name: str, fit: dict[str, int], used: tuple[str, ...]
) -> None:
    vectors = _vibration(180, "ab", np.random.default_rng(6))
    series = make_series(vectors, _names("ab"))
    trained, bundle = _trained(tmp_path, series, _short(name, **fit), 150)
    flow = bundle.manifest.flow
    assert flow.feature_names == used
    assert {used[i].rpartition("_")[2] for i in flow.model.targets} <= {"rms", "abs"}
    assert flow.level is not None
    assert flow.gate is not None
    assert flow.level.features == flow.gate.features
    assert flow.model.quantization == "float16"
    first = trained.evaluation.verdicts["all"].first_alarm
    assert first is not None
    assert 150 <= first <= 165
    assert set(trained.evaluation.verdicts) >= {"all", "network", "ewma"}


def test_default_needs_50_windows_even_of_26_features_one_of_which_never_varies(
    tmp_path: Path, make_series: Any
) -> None:
    rng = np.random.default_rng(9)
    both = [np.concatenate((_vibration(90, "a", rng), _bands(90, rng)), axis=1) for _ in range(2)]
    vectors = np.concatenate(both, axis=1)
    vectors[:, 2] = 0.25
    parts = (
        "rms",
        "mean_abs",
        "kurtosis",
        "peak",
        "skewness",
        *(f"band_energy_{i}" for i in range(8)),
    )
    names = tuple(f"{channel}_{part}" for channel in "ab" for part in parts)
    recipe = _short("default")
    every = replace(recipe, features=replace(recipe.features, columns=parts))
    trained, bundle = _trained(tmp_path, make_series(vectors, names), every, 50)
    flow = bundle.manifest.flow
    assert flow.feature_names == names
    precision = np.array(flow.scorer.precision)
    assert precision.shape == (26, 26)
    assert np.isfinite(precision).all()
    assert np.linalg.eigvalsh((precision + precision.T) / 2.0).min() > 0.0
    assert trained.evaluation.verdicts["all"].alarms_in_healthy == 0
    first = trained.evaluation.verdicts["all"].first_alarm
    assert first is not None
    assert 70 <= first <= 74
    assert trained.evaluation.not_scored == {"washout": 20}


def _bands(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Skewness and eight band energies that follow no level."""
    bands = 1e-3 * np.exp(0.05 * rng.standard_normal((n, 8)))
    return np.concatenate((0.1 * rng.standard_normal((n, 1)), bands), axis=1)


@pytest.mark.training
def test_default_takes_a_series_that_has_no_level(tmp_path: Path, make_series: Any) -> None:
    rng = np.random.default_rng(4)
    day = np.sin(2.0 * np.pi * np.arange(400) / 48.0)
    values = 15000.0 + 8000.0 * day + 500.0 * rng.standard_normal(400)
    values[300:330] = -90000.0
    series = make_series(values, ("value",), period_s=1800.0)
    trained, bundle = _trained(tmp_path, series, _short("default"), 250)
    flow = bundle.manifest.flow
    assert flow.feature_names == ("value",)
    assert (flow.level, flow.gate) == (None, None)
    assert {"all", "network"} <= trained.evaluation.verdicts.keys()
    assert "level" not in trained.evaluation.verdicts
    assert trained.evaluation.verdicts["network"].first_alarm in range(300, 306)
    assert "network alone" in trained.report.decode()


def test_the_same_seed_makes_the_same_bundle_but_for_its_date(
    trained: Any, simulated: Path
) -> None:
    recipe = load_recipe("default")
    recording = open_recording(simulated)
    series = read_series(recording, recipe, input_spec(recording, recipe))
    again = learn(recipe, series, (0, 90), 0)
    first = Bundle.read(trained.bundle)
    tolerance = first.manifest.flow.model.washout_tolerance
    model = replace(again.shipped.spec.model, washout_tolerance=tolerance)
    assert replace(again.shipped.spec, model=model) == first.manifest.flow
    assert again.network is not None
    assert again.network.exported.model == first.model
    assert series.digest(0, 90) == first.manifest.training.data_sha256
    # and the float network beside it decides the same
    results = [run(d.spec, d.model, series) for d in (again.shipped, again.network.in_float)]
    assert [r.anomaly for r in results[0]] == [r.anomaly for r in results[1]]
