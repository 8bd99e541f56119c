"""Faults of publications: off unless asked for, and known only where they belong."""

from typing import Any

import numpy as np
import pytest

from edge_agent.calibration.calibrate import calibrate
from edge_agent.calibration.prepare import prepare
from edge_agent.pipeline.model import ModelSpec, PlainModel
from trainer.published import (
    PublishedFaults,
    network_as_published,
    scaled_as_published,
    threshold_as_published,
)
from trainer.recipe import RecipeError, load_recipe, recipe_names

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
