"""The plain methods that a network has to stand beside, each on the same healthy part.

Those that a gateway can run are recipes and run here as they do there; one more needs the trainer.
"""

from contextlib import suppress
from importlib.util import find_spec

from edge_agent.calibration.calibrate import calibrate
from edge_agent.calibration.prepare import prepare
from edge_agent.calibration.series import DataError, Series
from trainer.data import table_of
from trainer.evaluate import run
from trainer.forest import forest_watch
from trainer.learn import Detector, plain_model
from trainer.outcome import Outcome, Watch, outcome_of
from trainer.recipe import Recipe, load_recipe, recipes_of


def baseline_watches(series: Series, healthy: tuple[int, int]) -> dict[str, Watch]:
    """Return every baseline that the healthy part allows, by name.

    Left out are those that it cannot calibrate: a profile without a season, a change of what never
    changed.

    Args:
        series: the recording; each recipe takes those of its features that it would be made of.
        healthy: its windows [first, last) that are known to be healthy.
    """
    found: dict[str, Watch] = {}
    for recipe in recipes_of("baseline"):
        detector = learn_baseline(recipe, series, healthy)
        if detector is not None:
            found[recipe.name] = watch_of(recipe, detector)
    if find_spec("sklearn") is not None:
        recipe = load_recipe("pca")
        with suppress(DataError):
            watch = forest_watch(recipe, table_of(series, recipe), healthy)
            found["isolation-forest"] = lambda given: watch(table_of(given, recipe))
    return found


def learn_baseline(recipe: Recipe, series: Series, healthy: tuple[int, int]) -> Detector | None:
    """Return ``recipe`` calibrated on the features of ``series`` that it takes.

    None where the healthy part does not do for it.
    """
    table = table_of(series, recipe)
    try:
        ready = prepare(recipe, table, healthy)
        model = plain_model(recipe, ready)
        spec = calibrate(recipe, table, ready, model)
    except DataError:
        return None
    return None if recipe.season is not None and spec.season is None else Detector(spec, model)


def watch_of(recipe: Recipe, detector: Detector) -> Watch:
    """Return what runs ``detector`` over those features of a series that its recipe takes."""

    def over(series: Series) -> Outcome:
        results = run(detector.spec, detector.model, table_of(series, recipe))
        return outcome_of(results, detector.spec)

    return over
