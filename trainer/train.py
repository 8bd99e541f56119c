"""The whole way from a recording to a bundle."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import msgspec

from edge_agent.bundle import SCHEMA_VERSION, Manifest, Training, encode_bundle
from edge_agent.pipeline.features import feature_hash
from edge_agent.pipeline.flow import FlowSpec, WindowResult
from edge_agent.pipeline.model import Model, ModelSpec
from edge_agent.pipeline.window import Window
from edge_agent.recordings import Recording
from trainer.baselines import baseline_verdicts
from trainer.calibrate import Prepared, calibrate, prepare
from trainer.data import Series, raw_windows
from trainer.evaluate import (
    Evaluation,
    compare,
    count_reasons,
    judge,
    level_only,
    network_only,
    run,
)
from trainer.fit import fit_in_child
from trainer.kinds import level_columns
from trainer.measure import golden_history, golden_raw_count, washout_tolerance
from trainer.networks import FittedNetwork
from trainer.quantize import ExportedModel, check_model, export_variants
from trainer.recipe import Recipe
from trainer.report import Findings, render

Progress = Callable[[int, int, float, float | None], None]

_VERSIONED = ("edge-agent", "tensorflow-cpu", "keras", "numpy")


@dataclass(frozen=True, slots=True)
class Order:
    """What the user asks for: windows [first, last) are healthy."""

    recipe: Recipe
    healthy: tuple[int, int]
    name: str
    version: str
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished bundle with what was found on the way."""

    bundle: bytes
    manifest: Manifest
    evaluation: Evaluation
    report: bytes


def train(
    order: Order, recording: Recording, series: Series, progress: Progress | None = None
) -> Trained:
    """Fit, quantize, calibrate, evaluate and pack.

    Args:
        order: what is asked for.
        recording: read again for the raw golden windows.
        series: its feature vectors.
        progress: called after each epoch of the fit.

    Raises:
        DataError: the healthy part does not do.
        FitError: the network cannot be fitted to it.
        ExportError: the converter failed.
        GateError: the exported model is not fit for the gateway.
    """
    recipe = order.recipe
    ready = prepare(recipe, series, order.healthy)
    network = _fit(order, series, ready, progress)
    exported = export_variants(network, (recipe.quantization, "float32"), ready.seen)
    shipped, in_float = exported[recipe.quantization], exported["float32"]
    gate = check_model(shipped, network, ready.seen)
    spec, model = _calibrated(recipe, series, ready, shipped)
    results = run(spec, model, series)
    evaluation = _evaluate(order, series, spec, model, results)
    float_spec, float_model = _calibrated(recipe, series, ready, in_float)
    float_results = run(float_spec, float_model, series)
    parity = compare(results, float_results, series, order.healthy)
    evaluation = msgspec.structs.replace(evaluation, parity=parity)
    tolerance = washout_tolerance(spec, model, ready.vectors)
    spec = msgspec.structs.replace(
        spec, model=msgspec.structs.replace(spec.model, washout_tolerance=tolerance)
    )
    manifest = _manifest(order, series, ready, spec, evaluation)
    title = f"{order.name} {order.version}"
    findings = Findings(title, recipe, series, results, evaluation, network, gate, tolerance)
    report = render(findings)
    golden = golden_history(spec, model, ready.vectors, _golden_windows(recording, series, ready))
    bundle = encode_bundle(manifest, shipped.model, golden, report)
    return Trained(bundle, manifest, evaluation, report)


def _fit(order: Order, series: Series, ready: Prepared, progress: Progress | None) -> FittedNetwork:
    return fit_in_child(
        order.recipe.network,
        msgspec.structs.replace(order.recipe.fit, seed=order.seed),
        ready.seen[: ready.fitted],
        ready.scaled[: ready.fitted, list(ready.targets)],
        ready.segments(series),
        progress,
    )


def _calibrated(
    recipe: Recipe, series: Series, ready: Prepared, exported: ExportedModel
) -> tuple[FlowSpec, Model]:
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
    flow = calibrate(recipe, series, ready, exported.model, spec)
    return flow, Model(exported.model, spec, len(series.names))


def _evaluate(
    order: Order, series: Series, spec: FlowSpec, model: Model, results: list[WindowResult]
) -> Evaluation:
    columns = level_columns(series.names)
    found = {"all": judge(results, series, order.healthy)}
    if spec.level is not None:
        for name, alone in (("network", network_only(spec)), ("level", level_only(spec))):
            found[name] = judge(run(alone, model, series), series, order.healthy)
    if columns:
        found |= baseline_verdicts(series, columns, order.healthy)
    return Evaluation(
        windows=len(results),
        scored=sum(r.score is not None for r in results),
        not_scored=count_reasons(results),
        healthy=order.healthy,
        verdicts=found,
        parity=compare(results, results, series, order.healthy),
    )


def _golden_windows(recording: Recording, series: Series, ready: Prepared) -> list[Window]:
    """Return the raw windows that the latest healthy vectors were computed from."""
    if series.input.kind == "features":
        return []
    count = golden_raw_count(series.input.length, len(series.input.channels))
    rows = ready.rows[-count:]
    raw = raw_windows(recording, series.input, int(rows[0]), int(rows[-1]) + 1)
    return [raw[i - rows[0]] for i in rows]


def _manifest(
    order: Order, series: Series, ready: Prepared, spec: FlowSpec, evaluation: Evaluation
) -> Manifest:
    parity = evaluation.parity
    return Manifest(
        schema_version=SCHEMA_VERSION,
        name=order.name,
        version=order.version,
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        flow=spec,
        feature_hash=feature_hash(series.features, series.names),
        training=Training(
            recipe=order.recipe.name,
            data_sha256=series.digest(*order.healthy),
            healthy=order.healthy,
            windows=len(ready.rows),
            seed=order.seed,
            versions={name: version(name) for name in _VERSIONED},
        ),
        metrics={
            "first_alarm": evaluation.verdicts["all"].first_alarm,
            "alarms_in_healthy": evaluation.verdicts["all"].alarms_in_healthy,
            "float_first_alarm": parity.float_first_alarm,
            "flipped_share": parity.flipped_share,
            "score_difference": parity.score_difference,
        },
        baselines={
            name: {
                "first_alarm": found.first_alarm,
                "alarms_in_healthy": found.alarms_in_healthy,
            }
            for name, found in evaluation.verdicts.items()
            if name != "all"
        },
        members={},
    )
