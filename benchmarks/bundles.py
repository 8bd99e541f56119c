"""Bundles like those of the default recipe, calibrated to a simulated bearing, in a second.

The network has the recipe's shape and random weights, so that no TensorFlow is needed; all else
is as the trainer makes it. Run as ``python -m benchmarks.bundles FOLDER`` it writes them.
"""

import sys
from pathlib import Path

import msgspec
import numpy as np
from edge_sensor_simulated import Machine, simulate_bursts
from numpy.typing import NDArray

from edge_agent.bundle import SCHEMA_VERSION, Manifest, Training, encode_bundle, make_golden
from edge_agent.calibration.scaler import fit_scaler
from edge_agent.pipeline.alarm import AlarmSpec
from edge_agent.pipeline.block import InputSpec
from edge_agent.pipeline.features import FeatureExtractor, feature_hash, installed_spec
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.gate import GateSpec
from edge_agent.pipeline.level import LevelSpec
from edge_agent.pipeline.model import Model, ModelSpec
from edge_agent.pipeline.network import predictor
from edge_agent.pipeline.scaler import Scaler, ScalerSpec
from edge_agent.pipeline.scorer import ScorerSpec
from edge_agent.pipeline.smoothing import SmoothingSpec
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.threshold import ThresholdSpec
from edge_agent.pipeline.window import Window

FEATURES = ("rms", "mean_abs", "peak", "kurtosis", "skewness", "band_energies")
CHANNELS = ("x", "y", "z", "w")
UNITS = 16
SHAPES = ((4096, 1), (20480, 4))
WASHOUT = 20

_MODELS = Path(__file__).parent / "models"
_HEALTHY, _LOUD = 60, 10
_LOUDER = np.float32(10.0)
_SECOND_NS = 1_000_000_000
# How log features go with the log of the rms, by the name of the output.
_POWER = {"mean_abs": 1.0, "peak": 1.0} | {f"band_energy_{band}": 2.0 for band in range(8)}


def file_name(length: int, channels: int) -> str:
    """Name of the bundle for windows of that shape."""
    return f"{length}x{channels}.edgemodel"


def write_bundles(folder: Path) -> None:
    """Write a bundle for each of ``SHAPES`` to ``folder``."""
    for length, channels in SHAPES:
        (folder / file_name(length, channels)).write_bytes(make_bundle(length, channels))


def make_bundle(
    length: int, channels: int, *, rate_hz: float | None = None, period_s: float | None = None
) -> bytes:
    """Return a bundle for windows of ``length`` samples.

    Args:
        length: of a window.
        channels: how many.
        rate_hz: None: a window lasts one second.
        period_s: seconds from window to window; None: one follows the other.
    """
    names = CHANNELS[:channels]
    given = InputSpec(
        kind="samples",
        channels=names,
        rate_hz=rate_hz or float(length),
        unit="g",
        length=length,
        hop=length,
        period_s=period_s,
    )
    specs = tuple(installed_spec(name) for name in FEATURES)
    extractor = FeatureExtractor(specs, given.feature_input())
    bursts = simulate_bursts(
        Machine(), rate_hz=length, length=length, period_s=1.0, count=_HEALTHY, channels=channels
    )
    vectors = np.array([extractor.compute(burst)[0] for burst in bursts])
    content = (_MODELS / f"default_{channels}.tflite").read_bytes()
    flow, model = _calibrated(given, specs, extractor.names, vectors, content)
    loud = extractor.compute(_LOUDER * bursts[-1])[0]
    raw = [(_HEALTHY - 1, Window(bursts[-1], 0, _SECOND_NS, gap=False, clipped=False))]
    shown = np.concatenate((vectors, [loud] * _LOUD))
    golden = make_golden(Flow(flow, model), shown, _SECOND_NS * np.arange(len(shown)), raw)
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        name=f"benchmark-{length}x{channels}",
        version="1.0.0",
        created="2024-01-01T00:00:00Z",
        flow=flow,
        feature_hash=feature_hash(specs, extractor.names),
        training=Training(
            recipe="default",
            data_sha256="0" * 64,
            healthy=(0, _HEALTHY),
            windows=_HEALTHY,
            seed=0,
            versions={},
        ),
        metrics={},
        baselines={},
        members={},
    )
    return encode_bundle(manifest, content, golden)


def _calibrated(
    given: InputSpec,
    specs: tuple[msgspec.Struct, ...],
    names: tuple[str, ...],
    vectors: NDArray[np.float32],
    content: bytes,
) -> tuple[FlowSpec, Model]:
    n = len(names)
    model_spec = ModelSpec(
        family="forecaster",
        form="streaming",
        quantization="dynamic",
        window_length=1,
        state_size=2 * UNITS + n,
        targets=tuple(range(n)),
        washout=WASHOUT,
        washout_tolerance=1e-3,
        washout_vectors=128,
    )
    model = Model(content, model_spec, n)
    scaler = fit_scaler(vectors, _unscaled(names))
    spread = _residuals(model, Scaler(scaler), vectors).std(axis=0) + 0.25
    levels = tuple(names.index(f"{channel}_rms") for channel in given.channels)
    rms = vectors[:, levels]
    flow = FlowSpec(
        input=given,
        features=specs,  # type: ignore[arg-type]
        feature_names=names,
        gate=GateSpec(
            features=levels,
            idle_levels=tuple(float(level) for level in 0.2 * np.median(rms, axis=0)),
            limit_s=2_592_000.0,
        ),
        denoise=None,
        scaler=scaler,
        model=model_spec,
        scorer=ScorerSpec(
            kind="mahalanobis",
            mean=(0.0,) * n,
            scale=tuple(float(s) for s in spread),
            precision=tuple(tuple(float(v) for v in row) for row in np.eye(n)),
            cap=8.0,
            offset=0.25,
        ),
        smoothing=SmoothingSpec(alpha=0.35, geometric=True, initial=1.0),
        threshold=ThresholdSpec(value=3.0, method="fixed", parameter=3.0),
        alarm=AlarmSpec(k=2, n=3, close_ratio=0.6, close_after=15),
        level=LevelSpec(
            features=levels,
            location=tuple(float(v) for v in np.log(rms).mean(axis=0)),
            scale=tuple(float(v) for v in np.log(rms).std(axis=0) + 0.02),
            cap=8.0,
            alpha=0.4,
            threshold=4.0,
            alarm=AlarmSpec(k=1, n=1, close_ratio=0.75, close_after=15),
        ),
    )
    return flow, model


def _unscaled(names: tuple[str, ...]) -> ScalerSpec:
    """Return the recipe's scaler before it is fitted: shape relative to the level."""
    n = len(names)
    outputs = [name.split("_", 1)[1] for name in names]
    return ScalerSpec(
        kind="robust",
        transform=tuple("identity" if output == "skewness" else "log" for output in outputs),
        offset=(0.0,) * n,
        scale=(1.0,) * n,
        input_clip=3.0,
        shift=tuple(3.0 if output == "kurtosis" else 0.0 for output in outputs),
        reference=tuple(names.index(f"{name.split('_', 1)[0]}_rms") for name in names),
        power=tuple(_POWER.get(output, 0.0) for output in outputs),
    )


def _residuals(model: Model, scaler: Scaler, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    runner = predictor(model, vectors.shape[1])
    scaled = [scaler.scale(vector) for vector in vectors]
    found = [runner.push(z, scaler.clip(z)) for z in scaled]
    return np.concatenate([rows for rows in found if rows is not None])


if __name__ == "__main__":
    write_bundles(Path(sys.argv[1]))
