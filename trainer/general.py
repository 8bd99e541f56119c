"""One network over many machines: each channel standardised by its own healthy period."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.bundle import SCHEMA_VERSION, Bundle, Manifest, Training, encode_bundle
from edge_agent.bundle.manifest import TrainedOn
from edge_agent.calibration.positions import neutral_series, position_columns
from edge_agent.calibration.prepare import Prepared, prepare
from edge_agent.calibration.series import DataError, Series
from edge_agent.pipeline.features import feature_hash
from trainer.evaluate import judge, run
from trainer.fit import fit_in_child
from trainer.general_data import choose_features, fit_arrays
from trainer.learn import Detector, Progress, Stage, detector
from trainer.measure import golden_history, washout_tolerance
from trainer.outcome import Truth
from trainer.quantize import check_model, export_variants
from trainer.recipe import Recipe
from trainer.tensorflow_process import TensorFlowProcess
from trainer.versions import tool_versions


@dataclass(frozen=True, slots=True)
class GeneralOrder:
    """What the user asks for."""

    recipe: Recipe
    name: str
    version: str
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Asset:
    """A machine to learn from.

    Attributes:
        name: of the machine.
        series: its vectors.
        healthy: windows [first, last) that are known to be healthy.
        confirmed: which windows are of faults that people confirmed, bool (n,): they are kept out
            of the healthy part. None where nobody was asked.
    """

    name: str
    series: Series
    healthy: tuple[int, int]
    confirmed: NDArray[np.bool_] | None = None

    def truth(self, series: Series) -> Truth:
        """Return what is known of ``series``, which is one of the machine's channels."""
        return Truth(series, self.healthy, confirmed=self.confirmed)


class PositionVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the network says of one channel that it was trained on.

    Attributes:
        asset: name.
        channel: of the asset.
        windows: healthy ones that were used.
        alarms_in_healthy: alarms that opened in the healthy part.
        first_alarm: window of the first alarm after it.
        confirmed_left_out: windows of it that are of confirmed faults; None where nobody was asked.
    """

    asset: str
    channel: str
    windows: int
    alarms_in_healthy: int
    first_alarm: int | None
    confirmed_left_out: int | None = None


class GeneralFindings(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the training.

    Attributes:
        features: of a channel that the network takes.
        left_out: those that some channels have and others lack.
        positions: every channel of every asset.
    """

    features: tuple[str, ...]
    left_out: tuple[str, ...]
    positions: tuple[PositionVerdict, ...]


@dataclass(frozen=True, slots=True)
class GeneralTrained:
    """A finished general bundle with what was found on the way."""

    bundle: bytes
    manifest: Manifest
    findings: GeneralFindings


@dataclass(frozen=True, slots=True)
class _Position:
    asset: Asset
    channel: str
    truth: Truth
    ready: Prepared


def train_general(
    order: GeneralOrder,
    assets: Sequence[Asset],
    progress: Progress | None = None,
    stage: Stage = lambda _: None,
) -> GeneralTrained:
    """Fit one network over every channel of ``assets``; quantize, calibrate and pack it.

    Args:
        order: what is asked for.
        assets: one or more; the first channel of the first is the reference that golden vectors
            are made of.
        progress: called after each epoch of the fit.
        stage: told what begins after the fit.

    Raises:
        DataError: no feature in common, or a healthy part does not do.
        FitError, ExportError, GateError, BundleError: as ``trainer.train.train``.
    """
    recipe = order.recipe
    if recipe.to_fit is None or recipe.quantization == "none":
        raise DataError(
            f"recipe {recipe.name} has no network, allowed for the general form: one that has;"
            " without, nothing can be learned from one machine for another"
        )
    (network, fit), quantization = recipe.to_fit, recipe.quantization
    features, plugins, left_out = choose_features(recipe, [asset.series for asset in assets])
    positions = [p for asset in assets for p in _positions(recipe, asset, features)]
    _require_same_transforms(positions)
    inputs, targets, segments = fit_arrays([p.ready for p in positions], fit.validation_share)
    fit = msgspec.structs.replace(fit, seed=order.seed)
    with TensorFlowProcess() as process:
        fitted = fit_in_child(network, fit, inputs, targets, segments, progress, process=process)
        stage("converting and calibrating")
        exported = export_variants(fitted, [quantization], inputs, process)[quantization]
    stage("checking the model in every runtime")
    check_model(exported, fitted, inputs)
    stage("evaluating every asset")
    found = [detector(exported, recipe, network, p.truth.learnable, p.ready) for p in positions]
    verdicts = tuple(_verdict(p, d) for p, d in zip(positions, found, strict=True))
    reference, shipped = positions[0], found[0]
    tolerance = max(
        washout_tolerance(d.spec, d.model, p.ready.vectors, p.ready.start_ns)
        for p, d in zip(positions, found, strict=True)
    )
    model = msgspec.structs.replace(shipped.spec.model, washout_tolerance=tolerance)
    spec = msgspec.structs.replace(shipped.spec, model=model)
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        name=order.name,
        version=order.version,
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        flow=spec,
        feature_hash=feature_hash((), spec.feature_names),
        training=_training(recipe, positions, order.seed),
        metrics={
            "assets": float(len(assets)),
            "positions": float(len(positions)),
            "alarms_in_healthy": float(sum(v.alarms_in_healthy for v in verdicts)),
        },
        baselines={},
        members={},
        form="general",
        calibration=recipe.calibration,
        plugins=plugins,
    )
    past = reference.ready.vectors, reference.ready.start_ns
    golden = golden_history(spec, shipped.model, past, [])
    bundle = encode_bundle(manifest, exported.model, golden)
    Bundle.decode(bundle, order.name).verify_golden()  # what cannot be installed does not ship
    findings = GeneralFindings(features=features, left_out=left_out, positions=verdicts)
    return GeneralTrained(bundle, manifest, findings)


def _positions(recipe: Recipe, asset: Asset, features: tuple[str, ...]) -> list[_Position]:
    made = []
    for channel in position_columns(asset.series):
        truth = asset.truth(neutral_series(asset.series, channel, features))
        try:
            ready = prepare(recipe, truth.learnable, asset.healthy)
        except DataError as error:
            raise DataError(f"{asset.name}, channel {channel}: {error}") from error
        made.append(_Position(asset, channel, truth, ready))
    return made


def _require_same_transforms(positions: Sequence[_Position]) -> None:
    first = positions[0].ready.scaler
    for position in positions:
        own = position.ready.scaler
        if (own.transform, own.power) != (first.transform, first.power):
            raise DataError(
                f"{position.asset.name}, channel {position.channel}: a feature is not above 0 in"
                " every healthy window, allowed: channels that are not dead"
            )


def _verdict(position: _Position, found: Detector) -> PositionVerdict:
    truth, healthy = position.truth, position.asset.healthy
    results = run(found.spec, found.model, truth.series)
    verdict = judge(results, truth.series, healthy, truth.confirmed)
    return PositionVerdict(
        asset=position.asset.name,
        channel=position.channel,
        windows=len(position.ready.rows),
        alarms_in_healthy=verdict.alarms_in_healthy or 0,
        first_alarm=verdict.first_alarm,
        confirmed_left_out=truth.left_out,
    )


def _training(recipe: Recipe, positions: Sequence[_Position], seed: int) -> Training:
    trained_on = tuple(
        TrainedOn(
            asset=p.asset.name,
            channel=p.channel,
            data_sha256=p.truth.learnable.digest(*p.asset.healthy),
            healthy=p.asset.healthy,
            windows=len(p.ready.rows),
        )
        for p in positions
    )
    first = trained_on[0]
    return Training(
        recipe=recipe.name,
        data_sha256=first.data_sha256,
        healthy=first.healthy,
        windows=first.windows,
        seed=seed,
        versions=tool_versions(),
        positions=trained_on,
    )
