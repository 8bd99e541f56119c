"""Faults of publications: off unless asked for, and known only where they belong."""

import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.bundle import Bundle
from edge_agent.calibration.calibrate import calibrate
from edge_agent.calibration.prepare import prepare
from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.model import ModelSpec, PlainModel
from trainer.evaluate import Evaluation, run
from trainer.fit.batches import plan_fit
from trainer.learn import learn
from trainer.metrics.point import best_f1
from trainer.outcome import outcome_of
from trainer.published import (
    PublishedFaults,
    fit_rows_as_published,
    network_as_published,
    scaled_as_published,
    threshold_as_published,
)
from trainer.recipe import RecipeError, load_recipe, recipe_names
from trainer.table import write_table

ALL = PublishedFaults(
    scaler_sees_everything=True, unroll_last_step_only=True, threshold_on_test=True
)


@pytest.mark.parametrize("name", recipe_names())
def test_no_recipe_has_a_fault_switched_on(name: str) -> None:
    faults = load_recipe(name).published
    assert not any(getattr(faults, field) for field in faults.__struct_fields__)


def test_a_fault_is_switched_on_where_its_publication_has_it() -> None:
    recipe = load_recipe("gru-next-step").with_faults(("threshold_on_test",))
    assert recipe.published.threshold_on_test
    assert not recipe.published.scaler_sees_everything


def test_a_fault_of_another_publication_is_refused() -> None:
    said = "gru-next-step: .*'unroll_last_step_only', allowed .*: scaler_sees_everything, thresh"
    with pytest.raises(RecipeError, match=said):
        load_recipe("gru-next-step").with_faults(("unroll_last_step_only",))
    with pytest.raises(RecipeError, match="allowed for this recipe: none"):
        load_recipe("default").with_faults(("threshold_on_test",))


def test_an_unroll_that_keeps_the_last_step_leaves_a_window_of_one() -> None:
    recipe = load_recipe("zoo-anomaly-detector")
    assert recipe.network is not None
    assert network_as_published(ALL, recipe.network).window_length == 1
    assert network_as_published(recipe.published, recipe.network) == recipe.network


@pytest.mark.parametrize("name", ["zoo-anomaly-detector", "chickenbestlover"])
def test_validation_on_the_test_holds_back_just_what_is_judged(make_series: Any, name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.to_fit is not None
    values = np.random.default_rng(1).normal(5.0, 1.0, 700)
    values[540] = np.nan
    series = make_series(values, ("value",), gaps=(620,))
    ready = prepare(recipe, series, (0, 400))
    given = recipe, recipe.to_fit, series, ready, (0, 400)

    rows = fit_rows_as_published(PublishedFaults(validation_is_test=True), *given)

    n = ready.fitted
    assert rows.segments[-3:] == [
        slice(n, n + 140),
        slice(n + 140, n + 219),
        slice(n + 219, n + 299),
    ]
    np.testing.assert_array_equal(rows.inputs[:n], ready.seen[:n])
    later = (np.delete(values[400:], 140) - values[:400].mean()) / values[:400].std()
    np.testing.assert_allclose(rows.targets[n:, 0], later, atol=1e-4)
    training, validation = plan_fit(recipe.to_fit[0], rows.fit, rows.segments, len(rows.inputs))
    assert validation is not None
    assert training.target_rows[training.weights > 0].max() == n - 1
    assert validation.rows.min() >= n
    usual = fit_rows_as_published(recipe.published, *given)
    assert len(usual.inputs) == n
    assert usual.fit == recipe.to_fit[1]


def test_where_nothing_is_left_to_judge_there_is_no_validation_on_it(make_series: Any) -> None:
    recipe = load_recipe("zoo-anomaly-detector")
    assert recipe.to_fit is not None
    series = make_series(np.random.default_rng(1).normal(5.0, 1.0, 410), ("value",))
    given = series, prepare(recipe, series, (0, 400)), (0, 400)
    on = PublishedFaults(validation_is_test=True)
    with pytest.raises(DataError, match=r"validation_is_test: 10 windows .* more than 24 in a row"):
        fit_rows_as_published(on, recipe, recipe.to_fit, *given)
    smoothed = load_recipe("baosight")
    with pytest.raises(DataError, match="validation_is_test goes without season"):
        fit_rows_as_published(on, smoothed, recipe.to_fit, *given)


@pytest.mark.training
@pytest.mark.usefixtures("tensorflow", "without_pictures")
def test_the_validation_on_the_test_changes_nothing_but_the_curve(make_series: Any) -> None:
    recipe = load_recipe("zoo-anomaly-detector")
    assert recipe.fit is not None
    short = msgspec.structs.replace(recipe, fit=msgspec.structs.replace(recipe.fit, epochs=2))
    series = make_series(np.random.default_rng(1).normal(5.0, 1.0, 300), ("value",))
    usual = learn(short, series, (0, 200)).network
    faulty = learn(short.with_faults(("validation_is_test",)), series, (0, 200)).network
    assert usual is not None
    assert faulty is not None
    assert usual.fitted.history.val_loss == ()
    assert len(faulty.fitted.history.val_loss) == 2
    assert faulty.exported.model == usual.exported.model


def test_a_scaler_that_sees_everything_is_that_of_the_whole_recording(make_series: Any) -> None:
    recipe = load_recipe("zoo-anomaly-detector")
    rng = np.random.default_rng(1)
    values = np.concatenate((rng.normal(5.0, 1.0, 200), rng.normal(50.0, 9.0, 100)))
    series = make_series(values, ("value",))
    ready = prepare(recipe, series, (0, 200))

    leaking = scaled_as_published(ALL, recipe, series, ready)

    everything = (values[:200] - values.mean()) / values.std()
    np.testing.assert_allclose(leaking.scaled[:, 0], everything, atol=1e-4)
    assert scaled_as_published(recipe.published, recipe, series, ready) is ready


def test_a_threshold_on_the_test_is_that_of_all_scores(make_series: Any) -> None:
    recipe = load_recipe("zoo-anomaly-detector")
    values = np.random.default_rng(1).normal(5.0, 1.0, 300)
    values[250:260] += 40.0
    series = make_series(values, ("value",))
    ready = prepare(recipe, series, (0, 200))
    model = PlainModel(
        ModelSpec(
            family="none",
            form="streaming",
            quantization="none",
            window_length=1,
            state_size=0,
            targets=(0,),
            washout=0,
        )
    )
    found = calibrate(recipe, series, ready, model)

    leaking = threshold_as_published(ALL, recipe.threshold, found, model, series)

    scores = np.sort(np.abs(values - values[:200].mean()) / values[:200].std())
    assert leaking.threshold.value == pytest.approx(scores[-3], rel=1e-4)  # 1 % of 300
    assert threshold_as_published(recipe.published, recipe.threshold, found, model, series) is found


def _server(make_series: Any) -> tuple[Series, NDArray[np.bool_]]:
    """Two numbers that go together; six of the last hundred rows do not."""
    rng = np.random.default_rng(7)
    both = rng.multivariate_normal([14.0, 15.0], [[2.0, 1.6], [1.6, 2.0]], 300)
    labels = np.zeros(300, dtype=np.bool_)
    labels[[210, 230, 231, 250, 270, 290]] = True
    both[labels] = [14.0, 15.0] + 4.0 * np.array([1.0, -1.0])
    return make_series(both, ("latency", "throughput")), labels


def test_a_threshold_by_labels_is_that_of_the_best_f1_and_says_so(make_series: Any) -> None:
    series, labels = _server(make_series)
    recipe = load_recipe("saeed-gaussian").with_faults(("threshold_by_labels",))
    found = learn(recipe, series, (0, 200), labels=labels).shipped
    threshold = found.spec.threshold
    assert threshold.method == "best_f1"
    assert found.spec.budget is None

    ratios = outcome_of(run(found.spec, found.model, series), found.spec).detectors[0].values
    assert threshold.parameter == best_f1(labels, ratios)[0] == 1.0
    np.testing.assert_array_equal(ratios > 1.0, labels)

    causal = learn(load_recipe("saeed-gaussian"), series, (0, 200), labels=labels).shipped
    assert causal.spec.threshold.method == "quantile"
    assert (
        causal.spec.threshold
        == learn(load_recipe("saeed-gaussian"), series, (0, 200)).shipped.spec.threshold
    )


def test_without_labels_there_is_no_threshold_by_them(make_series: Any) -> None:
    series, labels = _server(make_series)
    recipe = load_recipe("saeed-gaussian").with_faults(("threshold_by_labels",))
    with pytest.raises(DataError, match="threshold_by_labels: there are no labels to choose by"):
        learn(recipe, series, (0, 200))
    with pytest.raises(DataError, match="threshold_by_labels: 0 of 300 rows are labelled"):
        learn(recipe, series, (0, 200), labels=np.zeros_like(labels))


def test_the_command_asks_for_the_labels_and_the_report_names_them(
    make_series: Any, tmp_path: Path, edge_trainer: Any
) -> None:
    series, labels = _server(make_series)
    write_table(tmp_path / "server.csv", series)
    (tmp_path / "labels.txt").write_text("\n".join(str(int(flag)) for flag in labels))
    given = ["train", "--data", tmp_path / "server.csv", "--healthy", "0:200"]
    given += ["--recipe", "saeed-gaussian", "--out", tmp_path / "s.edgemodel"]
    given += ["--published", "threshold_by_labels"]

    refused = edge_trainer(*given)
    assert (refused.returncode, refused.stdout) == (os.EX_USAGE, "")
    assert "threshold_by_labels chooses the threshold by labels, allowed: beside" in refused.stderr

    ended = edge_trainer(*given, "--labels", tmp_path / "labels.txt", "--json")
    assert ended.returncode == 0, ended.stderr
    found = msgspec.json.decode(ended.stdout, type=Evaluation)
    labelled = found.verdicts["network"].labelled
    assert labelled is not None
    assert (found.labelled_rows, labelled.point_f1, labelled.oracle_gap) == (6, 1.0, 0.0)
    bundle = Bundle.read(tmp_path / "s.edgemodel")
    assert bundle.manifest.flow.threshold.method == "best_f1"
    page = (bundle.report or b"").decode()
    assert "The threshold of this bundle has seen labels" in page
    assert "the threshold is the one of the best F1 for the labels" in page
