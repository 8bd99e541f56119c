"""From healthy vectors to a calibrated detector: what decides on an alarm, nothing packed yet."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.calibration.prepare import Prepared, prepare
from edge_agent.calibration.reaction import calibrate_to_budget
from edge_agent.calibration.series import Series
from edge_agent.pipeline.model import AnyModel, Model, ModelSpec, PlainModel
from edge_agent.pipeline.spec import FlowSpec
from trainer.fit import fit_in_child
from trainer.networks import FittedNetwork, NetworkSpec
from trainer.published import (
    fit_rows_as_published,
    network_as_published,
    scaled_as_published,
    threshold_as_published,
)
from trainer.quantize import ExportedModel, Quantization, export_variants
from trainer.recipe import Recipe
from trainer.tensorflow_process import TensorFlowProcess

Progress = Callable[[int, int, float, float | None], None]
Stage = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Detector:
    """A model with every number around it, calibrated on its own scores."""

    spec: FlowSpec
    model: AnyModel


@dataclass(frozen=True, slots=True)
class LearnedNetwork:
    """What only a recipe with a network has.

    Attributes:
        fitted: in float, as it was fitted.
        exported: in the recipe's quantization.
        in_float: the same network in float32, calibrated, to hold the other against.
    """

    fitted: FittedNetwork
    exported: ExportedModel
    in_float: Detector


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned from one healthy part.

    Attributes:
        ready: the healthy windows as the model saw them.
        shipped: what goes into the bundle.
        network: None for a recipe without one.
    """

    ready: Prepared
    shipped: Detector
    network: LearnedNetwork | None


def learn(
    recipe: Recipe,
    series: Series,
    healthy: tuple[int, int],
    seed: int = 0,
    progress: Progress | None = None,
    stage: Stage = lambda _: None,
    budget: float | None = None,
    labels: NDArray[np.bool_] | None = None,
) -> Learned:
    """Fit and export a network where the recipe has one, and calibrate.

    Args:
        recipe: how.
        series: the recording's vectors.
        healthy: the windows [first, last) that are known to be healthy.
        seed: of all random numbers.
        progress: called after each epoch of the fit.
        stage: told what begins after the fit.
        budget: false alarms per month and asset; None: the recipe's own thresholds.
        labels: which windows are anomalous, bool (n,), for a published fault that asks for them.

    Raises:
        DataError: the healthy part does not do, or not for this budget.
        FitError: the network cannot be fitted to it.
        ExportError: the converter failed.
    """
    faults = recipe.published
    ready = scaled_as_published(faults, recipe, series, prepare(recipe, series, healthy))
    wanted, quantization = recipe.to_fit, recipe.quantization
    if wanted is None or quantization == "none":
        model = plain_model(recipe, ready)
        return Learned(ready, calibrated(recipe, series, ready, model, budget, labels), None)
    network = network_as_published(faults, wanted[0])
    rows = fit_rows_as_published(faults, recipe, (network, wanted[1]), series, ready, healthy)
    variants: list[Quantization] = list(dict.fromkeys((quantization, "float32")))
    with TensorFlowProcess() as process:
        fitted = fit_in_child(
            network,
            msgspec.structs.replace(rows.fit, seed=seed),
            rows.inputs,
            rows.targets,
            rows.segments,
            progress,
            recipe.search,
            process,
        )
        stage("converting and calibrating")
        exported = export_variants(fitted, variants, ready.seen, process)
    detectors = {
        q: detector(m, recipe, network, series, ready, budget, labels) for q, m in exported.items()
    }
    return Learned(
        ready,
        detectors[quantization],
        LearnedNetwork(fitted, exported[quantization], detectors["float32"]),
    )


def plain_model(recipe: Recipe, ready: Prepared) -> PlainModel:
    """Return what stands in for the network of a recipe that has none."""
    return PlainModel(
        ModelSpec(
            family=recipe.plain.family,
            form="streaming",
            quantization="none",
            window_length=recipe.plain.length,
            state_size=0,
            targets=ready.targets,
            washout=recipe.washout,
            washout_vectors=recipe.warm_up,
        )
    )


def model_spec(
    exported: ExportedModel, recipe: Recipe, network: NetworkSpec, targets: tuple[int, ...]
) -> ModelSpec:
    """Return how an exported network is run that predicts the features ``targets``."""
    return ModelSpec(
        family=network.family,
        form=network.form,
        quantization=exported.quantization,
        window_length=network.window_length,
        state_size=exported.state_size,
        targets=targets,
        quantiles=network.quantiles,
        horizon=network.horizon,
        washout=recipe.washout,
        washout_vectors=recipe.warm_up,
    )


def detector(
    exported: ExportedModel,
    recipe: Recipe,
    network: NetworkSpec,
    series: Series,
    ready: Prepared,
    budget: float | None = None,
    labels: NDArray[np.bool_] | None = None,
) -> Detector:
    """Calibrate an exported network on the healthy windows. Raises DataError as ``calibrate``."""
    spec = model_spec(exported, recipe, network, ready.targets)
    model = Model(exported.model, spec, len(series.watched_names))
    return calibrated(recipe, series, ready, model, budget, labels)


def calibrated(
    recipe: Recipe,
    series: Series,
    ready: Prepared,
    model: AnyModel,
    budget: float | None,
    labels: NDArray[np.bool_] | None,
) -> Detector:
    """Calibrate ``model`` on the healthy windows, by the published fault where one is on.

    Raises:
        DataError: no threshold can be chosen, or not one for this budget.
    """
    found = calibrate_to_budget(recipe, series, ready, model, budget)
    how = recipe.threshold
    judged = threshold_as_published(recipe.published, how, found, model, series, labels)
    return Detector(judged, model)
