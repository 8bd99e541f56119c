"""The whole way from a recording to a bundle."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.bundle import SCHEMA_VERSION, Bundle, Manifest, Training, encode_bundle
from edge_agent.calibration.prepare import Prepared
from edge_agent.calibration.series import Series
from edge_agent.pipeline.features import feature_hash
from edge_agent.pipeline.result import WindowResult
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.window import Window
from edge_agent.recordings import Recording
from trainer.baselines import baseline_watches
from trainer.choose_detector import stand_ready
from trainer.collected import Origin
from trainer.data import raw_windows
from trainer.dropout import judge_passes
from trainer.evaluate import Evaluation, Parity, compare, count_reasons, run
from trainer.learn import Detector, Learned, Progress, Stage, learn
from trainer.measure import golden_history, golden_raw_count, washout_tolerance
from trainer.outcome import Truth, Watch, known_watch, measure_all, part_watches, random_watch
from trainer.quantize import check_model
from trainer.recipe import Recipe
from trainer.report import Findings, Fitting, render
from trainer.versions import tool_versions


@dataclass(frozen=True, slots=True)
class Order:
    """What the user asks for.

    Attributes:
        recipe: how.
        healthy: the windows [first, last) that are known to be healthy.
        name: of the bundle.
        version: of the bundle.
        seed: of all random numbers.
        budget: false alarms per month and asset; None: the recipe's own thresholds.
        origin: the bundle whose input is taken over; None: it is that of the recording.
        labels: which windows are anomalous, bool (n,); they are judged by, and used for nothing
            else but a published fault that asks for them. None where nobody labelled them.
        confirmed: which windows are of faults that people confirmed, bool (n,): they are kept out
            of the healthy part. None where nobody was asked.
        mc_dropout: passes with dropout in use to hold what ships against; None: none.
    """

    recipe: Recipe
    healthy: tuple[int, int]
    name: str
    version: str
    seed: int = 0
    budget: float | None = None
    origin: Origin | None = None
    labels: NDArray[np.bool_] | None = None
    confirmed: NDArray[np.bool_] | None = None
    mc_dropout: int | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished bundle with what was found on the way."""

    bundle: bytes
    manifest: Manifest
    evaluation: Evaluation
    report: bytes


def train(
    order: Order,
    recording: Recording,
    series: Series,
    progress: Progress | None = None,
    stage: Stage = lambda _: None,
) -> Trained:
    """Fit, quantize, calibrate, evaluate and pack.

    Args:
        order: what is asked for.
        recording: read again for the raw golden windows, unless the origin has them.
        series: its feature vectors.
        progress: called after each epoch of the fit.
        stage: told what begins after the fit.

    Raises:
        DataError: the healthy part does not do.
        FitError: the network cannot be fitted to it.
        ExportError: the converter failed.
        GateError: the exported model is not fit for the gateway.
        MetricError: the labels are all alike.
        BundleError: the finished bundle does not behave as it was recorded to.
    """
    recipe, healthy = order.recipe, order.healthy
    truth = Truth(series, healthy, order.labels, confirmed=order.confirmed)
    learnable = truth.learnable
    with ThreadPoolExecutor(1) as beside:
        # the network is fitted in a process of its own, which leaves a processor idle
        plain = beside.submit(baseline_watches, learnable, healthy)
        learned = learn(
            recipe, learnable, healthy, order.seed, progress, stage, order.budget, order.labels
        )
    ready, shipped = learned.ready, learned.shipped
    network = learned.network
    if network is not None:
        stage("checking the model in every runtime")
    gate = None if network is None else check_model(network.exported, network.fitted, ready.seen)
    stage("evaluating the whole recording")
    results = run(shipped.spec, shipped.model, series)
    watches = _watches(shipped, series, results) | plain.result()
    evaluation = _evaluate(learned, truth, order, results, watches)
    if order.mc_dropout is not None:
        stage(f"running the network {order.mc_dropout} times with dropout in use")
        passes = judge_passes(
            order.mc_dropout, order.seed, recipe, learned, truth, results, order.budget
        )
        evaluation = msgspec.structs.replace(evaluation, dropout=passes)
    whole = learnable, healthy
    standings = stand_ready(watches, evaluation.verdicts, whole, shipped.spec.model.washout_vectors)
    spec = _with_tolerance(shipped, ready)
    manifest = _manifest(order, learnable, ready, spec, evaluation)
    fitting = None if network is None or gate is None else Fitting(network.fitted, gate)
    report = render(
        Findings(
            manifest=manifest,
            truth=truth,
            results=results,
            evaluation=evaluation,
            recording=recording.path.name,
            recipe=recipe,
            fitting=fitting,
            standings=standings,
        )
    )
    raw = _golden_windows(order.origin, recording, series, ready)
    golden = golden_history(spec, shipped.model, (ready.vectors, ready.start_ns), raw)
    model = None if network is None else network.exported.model
    bundle = encode_bundle(manifest, model, golden, report)
    Bundle.decode(bundle, order.name).verify_golden()  # what cannot be installed does not ship
    return Trained(bundle, manifest, evaluation, report)


def _with_tolerance(shipped: Detector, ready: Prepared) -> FlowSpec:
    tolerance = washout_tolerance(shipped.spec, shipped.model, ready.vectors, ready.start_ns)
    model = msgspec.structs.replace(shipped.spec.model, washout_tolerance=tolerance)
    return msgspec.structs.replace(shipped.spec, model=model)


def _watches(shipped: Detector, series: Series, results: list[WindowResult]) -> dict[str, Watch]:
    """Return what ships and its parts; ``results`` are its own of ``series``."""
    return {
        "all": known_watch(shipped.spec, shipped.model, series, results),
        **part_watches(shipped.spec, shipped.model),
    }


def _evaluate(
    learned: Learned,
    truth: Truth,
    order: Order,
    results: list[WindowResult],
    watches: Mapping[str, Watch],
) -> Evaluation:
    """Judge the ``results`` of what ships."""
    healthy, spec = order.healthy, learned.shipped.spec
    series, labels = truth.series, truth.labels
    chance = {} if labels is None else {"random": random_watch()}
    found = measure_all({**watches, **chance}, truth)
    return Evaluation(
        windows=len(results),
        scored=sum(r.score is not None for r in results),
        not_scored=count_reasons(results),
        healthy=healthy,
        verdicts=found,
        parity=_parity(learned, series, order, results),
        labelled_rows=None if labels is None else int(labels.sum()),
        budget=spec.budget,
        confirmed_left_out=truth.left_out,
    )


def _parity(
    learned: Learned, series: Series, order: Order, results: list[WindowResult]
) -> Parity | None:
    if learned.network is None:
        return None
    in_float = learned.network.in_float
    float_results = run(in_float.spec, in_float.model, series)
    return compare(results, float_results, series, order.healthy, order.labels)


def _golden_windows(
    origin: Origin | None, recording: Recording, series: Series, ready: Prepared
) -> list[Window]:
    """Return the raw windows that the latest healthy vectors were computed from.

    Where the recording has none they are those of the origin, to stand for them.
    """
    if series.input.kind == "features":
        return []
    count = golden_raw_count(series.input.length, len(series.input.channels))
    if origin is not None:
        return list(origin.raw[-count:])
    return raw_windows(recording, series.input, ready.rows[-count:].tolist())


def _manifest(
    order: Order, series: Series, ready: Prepared, spec: FlowSpec, evaluation: Evaluation
) -> Manifest:
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
            versions=tool_versions(),
            input_of=None if order.origin is None else order.origin.sha256,
        ),
        metrics={
            "first_alarm": evaluation.verdicts["all"].first_alarm,
            "alarms_in_healthy": evaluation.verdicts["all"].alarms_in_healthy,
            **_parity_metrics(evaluation.parity),
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
        calibration=order.recipe.calibration,
    )


def _parity_metrics(parity: Parity | None) -> dict[str, float | int | None]:
    if parity is None:
        return {}
    return {
        "float_first_alarm": parity.float_first_alarm,
        "flipped_share": parity.flipped_share,
        "score_difference": parity.score_difference,
    }
