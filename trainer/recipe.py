"""A recipe: a named training configuration, one TOML file in ``recipes/``."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge_agent.calibration.choices import Calibration
from trainer.fit import FitSpec
from trainer.networks import NetworkSpec


class RecipeError(ValueError):
    """There is no such recipe or its file is wrong; the message names file and key."""


class PluginChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A feature plugin and its options."""

    plugin: str
    options: dict[str, Any] = {}


class FeatureChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which features go in.

    Attributes:
        plugins: computed from samples, in this order.
        columns: features taken from a feature table, as the part of the column's name after the
            channel, where the table has them; a table with none of them goes in whole.
    """

    plugins: tuple[PluginChoice, ...]
    columns: tuple[str, ...]


class WindowChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Window and hop in samples where neither the recording nor the user says them."""

    length: int = 4096
    hop: int = 4096


class Recipe(Calibration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole way from recording to bundle: a calibration and the network it goes round.

    Attributes:
        name: of the recipe.
        summary: one line for a person.
        source: where the system was published.
        quantization: of the exported model.
    """

    name: str
    summary: str
    source: str
    quantization: Literal["float32", "float16", "dynamic", "int8"]
    window: WindowChoice
    features: FeatureChoice
    network: NetworkSpec
    fit: FitSpec

    @property
    def calibration(self) -> Calibration:
        """The part that goes into the bundle, for whoever calibrates it again."""
        return Calibration(**{n: getattr(self, n) for n in Calibration.__struct_fields__})


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the trainer."""
    folder = files("trainer") / "recipes"
    return sorted(
        f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")
    )


def load_recipe(name: str) -> Recipe:
    """Return the recipe of that name, or the one in that TOML file.

    Raises:
        RecipeError: there is none, or a key of it is wrong.
    """
    if name in recipe_names():
        content = (files("trainer") / "recipes" / f"{name}.toml").read_text("utf-8")
    elif name.endswith(".toml") and Path(name).is_file():
        try:
            content = Path(name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"recipe {name}: cannot be read: {error}") from error
    else:
        raise RecipeError(f"recipe {name!r} not found, allowed: {', '.join(recipe_names())}")
    try:
        return msgspec.convert(tomllib.loads(content), Recipe)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RecipeError(f"recipe {name}: {error}") from error
