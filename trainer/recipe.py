"""A recipe: a named training configuration, one TOML file in ``recipes/``."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge_agent.calibration.choices import Calibration
from edge_agent.pipeline.plain import PlainFamily
from trainer.fit import FitSpec, SearchSpec
from trainer.networks import NetworkSpec
from trainer.published import PublishedFaults

RecipeKind = Literal["system", "baseline"]


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
            channel, where the table has them; ``band_energy_`` are all bands. A table with none of
            them goes in whole.
    """

    plugins: tuple[PluginChoice, ...]
    columns: tuple[str, ...]


class WindowChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Window and hop in samples where neither the recording nor the user says them."""

    length: int = 4096
    hop: int = 4096


class PlainChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rule that stands where a network would.

    Attributes:
        family: see pipeline.plain.
        length: vectors looked back at; 1 but for ``moving_z``.
    """

    family: PlainFamily = "none"
    length: int = 1


class Recipe(Calibration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole way from recording to bundle: a calibration and what it goes round.

    Attributes:
        name: of the recipe.
        summary: one line for a person.
        source: where the system was published.
        departures: from the publication, such as what looked ahead, which no gateway can.
        kind: a ``system`` of its own, or a ``baseline`` that others are held against.
        quantization: of the exported model; ``none`` where there is no network.
        window: samples of each window.
        features: what goes in.
        network: None for a recipe without one, as ``fit`` is then.
        fit: how the network is fitted.
        search: values of network and fit to choose among by validation loss.
        plain: the rule that takes its place where there is none.
        published: faults of the publication, which may be switched on to repeat its figures.
    """

    name: str
    summary: str
    source: str
    departures: tuple[str, ...] = ()
    kind: RecipeKind = "system"
    quantization: Literal["float32", "float16", "dynamic", "int8", "none"]
    window: WindowChoice
    features: FeatureChoice
    network: NetworkSpec | None = None
    fit: FitSpec | None = None
    search: SearchSpec | None = None
    plain: PlainChoice = PlainChoice()
    published: PublishedFaults = PublishedFaults()

    def __post_init__(self) -> None:
        """Refuse half a network, and one with a rule in its place. Raises ValueError."""
        if (self.network is None) != (self.fit is None):
            raise ValueError("one of the tables network and fit is found, allowed: both or neither")
        if self.network is not None and self.plain != PlainChoice():
            raise ValueError("the tables network and plain are found, allowed: one of them")
        if (self.quantization == "none") != (self.network is None):
            raise ValueError(
                f"quantization is {self.quantization}, allowed: 'none' without a network, and only"
                " there"
            )

    @property
    def to_fit(self) -> tuple[NetworkSpec, FitSpec] | None:
        """The network and how it is fitted, None where there is none."""
        return None if self.network is None or self.fit is None else (self.network, self.fit)

    def with_faults(self, names: tuple[str, ...]) -> "Recipe":
        """Return the recipe with faults of its publication switched on.

        Raises:
            RecipeError: the publication does not have one of them.
        """
        try:
            return msgspec.structs.replace(self, published=self.published.on(names))
        except ValueError as error:
            raise RecipeError(f"recipe {self.name}: {error}") from error

    @property
    def seed(self) -> int:
        """Of all random numbers, where the user says none."""
        return 0 if self.fit is None else self.fit.seed

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


def recipes_of(kind: RecipeKind) -> list[Recipe]:
    """Return the recipes of that kind that come with the trainer, by name."""
    return [r for r in map(load_recipe, recipe_names()) if r.kind == kind]


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
