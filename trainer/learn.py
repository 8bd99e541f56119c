"""From healthy vectors to a calibrated network: what decides on an alarm, nothing packed yet."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from edge_agent.calibration.calibrate import calibrate
from edge_agent.calibration.prepare import Prepared, prepare
from edge_agent.calibration.series import Series
from edge_agent.pipeline.model import Model, ModelSpec
from edge_agent.pipeline.spec import FlowSpec
from trainer.fit import fit_in_child
from trainer.networks import FittedNetwork
from trainer.quantize import ExportedModel, Quantization, export_variants
from trainer.recipe import Recipe

Progress = Callable[[int, int, float, float | None], None]
Stage = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Detector:
    """An exported network with every number around it, calibrated on its own scores."""

    exported: ExportedModel
    spec: FlowSpec
    model: Model


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned from one healthy part.

    Attributes:
        ready: the healthy windows as the network saw them.
        network: in float, as it was fitted.
        shipped: in the recipe's quantization.
        in_float: the same network in float32, to hold the other against.
    """

    ready: Prepared
    network: FittedNetwork
    shipped: Detector
    in_float: Detector


def learn(
    recipe: Recipe,
    series: Series,
    healthy: tuple[int, int],
    seed: int = 0,
    progress: Progress | None = None,
    stage: Stage = lambda _: None,
) -> Learned:
    """Fit, export and calibrate.

    Args:
        recipe: how.
        series: the recording's vectors.
        healthy: the windows [first, last) that are known to be healthy.
        seed: of all random numbers.
        progress: called after each epoch of the fit.
        stage: told what begins after the fit.

    Raises:
        DataError: the healthy part does not do.
        FitError: the network cannot be fitted to it.
        ExportError: the converter failed.
    """
    ready = prepare(recipe, series, healthy)
    network = fit_in_child(
        recipe.network,
        msgspec.structs.replace(recipe.fit, seed=seed),
        ready.seen[: ready.fitted],
        ready.scaled[: ready.fitted, list(ready.targets)],
        ready.segments(),
        progress,
    )
    stage("converting and calibrating")
    wanted: list[Quantization] = list(dict.fromkeys((recipe.quantization, "float32")))
    exported = export_variants(network, wanted, ready.seen)
    return Learned(
        ready,
        network,
        _detector(recipe, series, ready, exported[recipe.quantization]),
        _detector(recipe, series, ready, exported["float32"]),
    )


def _detector(recipe: Recipe, series: Series, ready: Prepared, exported: ExportedModel) -> Detector:
    spec = ModelSpec(
        family=recipe.network.family,
        form=recipe.network.form,
        quantization=exported.quantization,
        window_length=recipe.network.window_length,
        state_size=exported.state_size,
        targets=ready.targets,
        washout=recipe.washout,
        washout_vectors=recipe.warm_up,
    )
    model = Model(exported.model, spec, len(series.names))
    return Detector(exported, calibrate(recipe, series, ready, model), model)
