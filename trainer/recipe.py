"""A recipe: a named training configuration, one TOML file in ``recipes/``."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge_agent.pipeline.alarm import AlarmSpec
from edge_agent.pipeline.denoise import DenoiseSpec
from edge_agent.pipeline.smoothing import SmoothingSpec
from edge_agent.pipeline.threshold import Method
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
        targets: features to predict, likewise; empty predicts all.
    """

    plugins: tuple[PluginChoice, ...]
    columns: tuple[str, ...]
    targets: tuple[str, ...] = ()


class WindowChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Window and hop in samples where neither the recording nor the user says them."""

    length: int = 4096
    hop: int = 4096


class ScalerChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How vectors are scaled.

    Attributes:
        kind: see pipeline.scaler.
        transform: ``identity``, or ``shape``: logarithms, with what follows the level taken
            relative to it.
        input_clip: see pipeline.scaler.
        widen_windows: the scale is widened by 1 + this / n for n healthy windows, because a short
            healthy period shows less than the whole spread.
    """

    kind: Literal["standard", "min_max", "robust"]
    transform: Literal["identity", "shape"] = "identity"
    input_clip: float | None = None
    widen_windows: float = 0.0


class ScorerChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How residuals are scored.

    Attributes:
        kind: see pipeline.scorer.
        shrinkage: share of the identity in the correlation that is inverted; at least
            d / (n + d) for d features and n windows is taken.
        cap: see pipeline.scorer.
        scale_floor: least scale of a residual, in scaled units.
        offset: see pipeline.scorer.
    """

    kind: Literal["absolute_error", "squared_error", "mahalanobis"]
    shrinkage: float = 0.0
    cap: float | None = None
    scale_floor: float = 0.0
    offset: float = 0.0


class ThresholdChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the threshold is chosen from healthy scores; see pipeline.threshold.

    Attributes:
        method: see there.
        parameter: of the method.
        scores: of the windows held out from the fit, or of all healthy windows.
        least_margin: ``log_median_sigma`` only: least distance of ln threshold from the median.
        widen_windows: likewise: the margin is widened by 1 + this / n for n healthy windows.
        close_share: likewise: an alarm closes below this share of the margin; None takes
            ``close_ratio`` of the alarm rule.
    """

    method: Method
    parameter: float
    scores: Literal["held_out", "healthy"] = "held_out"
    least_margin: float = 0.0
    widen_windows: float = 0.0
    close_share: float | None = None


class LevelChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The level detector beside the network.

    Attributes:
        alpha: weight of the newest level.
        cap: see pipeline.level.
        threshold: least threshold of the score.
        sigmas: the threshold is at least median + this many robust scales of the healthy scores.
        margin: the threshold is at least this many times their 99th percentile.
        widen_windows: as for the scaler.
        alarm: its alarm rule.
    """

    alpha: float
    cap: float | None
    threshold: float
    sigmas: float
    margin: float
    widen_windows: float
    alarm: AlarmSpec


class GateChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Idle where every channel is below this share of its healthy median level.

    ``limit_s``: see pipeline.gate.
    """

    idle_share: float
    limit_s: float


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole way from recording to bundle.

    Attributes:
        name: of the recipe.
        summary: one line for a person.
        source: where the system was published.
        held_out_share: share of the healthy windows, the latest ones, that the network is not
            fitted on.
        washout: windows not scored after a cold start.
        warm_up: vectors kept to warm a state up after a swap.
        quantization: of the exported model.
    """

    name: str
    summary: str
    source: str
    held_out_share: float
    washout: int
    warm_up: int
    quantization: Literal["float32", "float16", "dynamic", "int8"]
    window: WindowChoice
    features: FeatureChoice
    gate: GateChoice | None = None
    denoise: DenoiseSpec | None = None
    scaler: ScalerChoice
    network: NetworkSpec
    fit: FitSpec
    scorer: ScorerChoice
    smoothing: SmoothingSpec
    threshold: ThresholdChoice
    alarm: AlarmSpec
    level: LevelChoice | None = None


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
