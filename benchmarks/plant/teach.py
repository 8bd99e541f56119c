"""The general bundle of the plant: learned from other machines than those that it will watch."""

from benchmarks.plant.machine import build
from benchmarks.plant.watch import series_of
from edge_agent.pipeline.features import installed_spec
from trainer.general import Asset, GeneralOrder, train_general
from trainer.recipe import load_recipe

_TAUGHT_BY = range(1000, 1006)


def teach(healthy_h: int) -> bytes:
    """Return a bundle of the default recipe, trained on ``healthy_h`` hours of each machine."""
    recipe = load_recipe("default")
    plugins = tuple(installed_spec(p.plugin, p.options) for p in recipe.features.plugins)
    assets = []
    for number in _TAUGHT_BY:
        machine = build(number, healthy_h, None)
        series = series_of(machine, plugins, 0, healthy_h)
        assets.append(Asset(f"machine-{number}", series, (0, healthy_h)))
    return train_general(GeneralOrder(recipe, "plant", "1.0.0"), assets).bundle
