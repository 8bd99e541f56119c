"""A small, valid bundle around a real model, for every test that needs one.

Two of them: ``samples_bundle`` takes one channel "x" of 1024 samples a second in g, four windows
a second; ``features_bundle`` takes the same vectors as a feature table, one every ten minutes.
Both are calibrated on the same simulated healthy vibration, ``vibration(...)``.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.bundle import SCHEMA_VERSION, Manifest, Training, encode_bundle, make_golden
from edge_agent.calibration.calibrate import calibrate
from edge_agent.calibration.choices import Calibration
from edge_agent.calibration.prepare import prepare
from edge_agent.calibration.scaler import fit_scaler, unit_scaler
from edge_agent.calibration.series import Series
from edge_agent.pipeline.alarm import AlarmSpec
from edge_agent.pipeline.block import InputSpec, table_input
from edge_agent.pipeline.features import FeatureExtractor, feature_hash, installed_spec
from edge_agent.pipeline.flow import Flow
from edge_agent.pipeline.gate import GateSpec
from edge_agent.pipeline.level import LevelSpec
from edge_agent.pipeline.model import Model, ModelSpec, PlainModel
from edge_agent.pipeline.scaler import Transform
from edge_agent.pipeline.scorer import ScorerSpec
from edge_agent.pipeline.smoothing import SmoothingSpec
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.threshold import ThresholdSpec
from edge_agent.pipeline.window import Window
from trainer.recipe import load_recipe

GOLDEN = Path(__file__).parent / "golden"
RATE_HZ = 1024.0
LENGTH = 256
WASHOUT = 10
HEALTHY_G = 0.1

Vibration = Callable[..., NDArray[np.float32]]


def _vibration(
    windows: int, rms_g: float = HEALTHY_G, *, seed: int = 1, length: int = LENGTH
) -> NDArray[np.float32]:
    """Simulated vibration of one channel, float32 (windows * length, 1), in g."""
    rng = np.random.default_rng(seed)
    n = windows * length
    tone = np.sin(2 * np.pi * 50.0 * np.arange(n) / RATE_HZ)
    noise = rng.standard_normal(n)
    samples: NDArray[np.float64] = rms_g * (0.8 * noise + 0.6 * np.sqrt(2.0) * tone)
    return samples.astype(np.float32)[:, None]


@pytest.fixture(scope="session")
def vibration() -> Vibration:
    """``vibration(windows, rms_g=0.1, seed=1)``: float32 (n, 1); 0.1 g is healthy, 1 g alarms."""
    return _vibration


@pytest.fixture(scope="session")
def model_bytes() -> bytes:
    """A streaming forecaster of 11 features with 20 numbers of state."""
    return (GOLDEN / "streaming.tflite").read_bytes()


@pytest.fixture(scope="session")
def flow_spec() -> FlowSpec:
    """Parameters that go with ``model_bytes``, for raw samples."""
    features = tuple(installed_spec(name) for name in ("rms", "kurtosis", "peak", "band_energies"))
    given = InputSpec(
        kind="samples",
        channels=("x",),
        rate_hz=RATE_HZ,
        unit="g",
        length=LENGTH,
        hop=LENGTH,
        period_s=None,
    )
    extractor = FeatureExtractor(features, given.feature_input())
    healthy = np.array([extractor.compute(w)[0] for w in _vibration(80).reshape(-1, LENGTH, 1)])
    names = extractor.names
    transforms: tuple[Transform, ...] = tuple(
        "identity" if name == "x_kurtosis" else "log" for name in names
    )
    level = np.log(healthy[:, 0])
    return FlowSpec(
        input=given,
        features=features,
        feature_names=names,
        gate=GateSpec(features=(0,), idle_levels=(0.01,), limit_s=3600.0),
        denoise=None,
        scaler=fit_scaler(healthy, unit_scaler("standard", transforms, input_clip=4.0)),
        model=ModelSpec(
            family="forecaster",
            form="streaming",
            quantization="float32",
            window_length=1,
            state_size=20,
            targets=tuple(range(len(names))),
            washout=WASHOUT,
            washout_tolerance=1e-3,
            washout_vectors=40,
        ),
        scorer=ScorerSpec(kind="squared_error"),
        smoothing=SmoothingSpec(alpha=0.5),
        threshold=ThresholdSpec(value=6.0, method="fixed", parameter=6.0),
        alarm=AlarmSpec(k=2, n=3, close_ratio=0.9, close_after=3),
        level=LevelSpec(
            features=(0,),
            location=(float(level.mean()),),
            scale=(float(level.std()),),
            cap=None,
            alpha=0.5,
            threshold=8.0,
            alarm=AlarmSpec(k=2, n=2),
        ),
    )


@pytest.fixture(scope="session")
def features_flow_spec(flow_spec: FlowSpec) -> FlowSpec:
    """The same for feature vectors that come from a table."""
    given = table_input(flow_spec.feature_names, 600.0)
    return msgspec.structs.replace(flow_spec, input=given, features=())


@pytest.fixture(scope="session")
def model(model_bytes: bytes, flow_spec: FlowSpec) -> Model:
    """The loaded model; it holds no state, so that all tests may share it."""
    return Model(model_bytes, flow_spec.model, len(flow_spec.feature_names))


@pytest.fixture(scope="session")
def history(flow_spec: FlowSpec) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Thirty healthy windows, then ten faulty: float32 (40, 256, 1), and their vectors (40, 11)."""
    samples = np.concatenate((_vibration(30, seed=2), _vibration(10, 1.0, seed=3)))
    windows = samples.reshape(-1, LENGTH, 1)
    extractor = FeatureExtractor(flow_spec.features, flow_spec.input.feature_input())
    return windows, np.array([extractor.compute(w)[0] for w in windows])


@pytest.fixture(scope="session")
def manifest(flow_spec: FlowSpec) -> Manifest:
    """The manifest of ``samples_bundle``, its members not yet filled in."""
    return _manifest(flow_spec)


@pytest.fixture(scope="session")
def samples_bundle(
    manifest: Manifest,
    model_bytes: bytes,
    model: Model,
    history: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> bytes:
    """A bundle file for raw samples."""
    windows, vectors = history
    raw = [(i, Window(windows[i], i, i + 1, gap=False, clipped=False)) for i in (0, 15, 35)]
    golden = make_golden(Flow(manifest.flow, model), vectors, np.arange(len(vectors)), raw)
    return encode_bundle(manifest, model_bytes, golden, b"<html>report</html>")


@pytest.fixture(scope="session")
def features_bundle(
    features_flow_spec: FlowSpec,
    model_bytes: bytes,
    model: Model,
    history: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> bytes:
    """A bundle file for feature tables, without a report."""
    vectors = history[1]
    golden = make_golden(Flow(features_flow_spec, model), vectors, np.arange(len(vectors)), [])
    return encode_bundle(_manifest(features_flow_spec), model_bytes, golden)


@pytest.fixture(scope="session")
def plain_bundle(
    flow_spec: FlowSpec, history: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> bytes:
    """A bundle file for raw samples in which no network is."""
    spec = ModelSpec(
        family="none",
        form="streaming",
        quantization="none",
        window_length=1,
        state_size=0,
        targets=(0, 1),
        washout=0,
    )
    flow = msgspec.structs.replace(flow_spec, model=spec, level=None)
    windows, vectors = history
    raw = [(i, Window(windows[i], i, i + 1, gap=False, clipped=False)) for i in (0, 15, 35)]
    golden = make_golden(Flow(flow, PlainModel(spec)), vectors, np.arange(len(vectors)), raw)
    return encode_bundle(_manifest(flow), None, golden)


@pytest.fixture(scope="session")
def general_calibration() -> Calibration:
    """The default recipe's choices, with a washout as short as the small model's."""
    recipe = load_recipe("default")
    return msgspec.structs.replace(recipe.calibration, washout=WASHOUT, warm_up=40)


@pytest.fixture(scope="session")
def general_bundle(
    flow_spec: FlowSpec,
    model: Model,
    model_bytes: bytes,
    history: tuple[NDArray[np.float32], NDArray[np.float32]],
    general_calibration: Calibration,
) -> bytes:
    """A general bundle: what ``model`` predicts are the eleven features of any channel."""
    names = tuple("ch" + name.removeprefix("x") for name in flow_spec.feature_names)
    spread = np.exp(0.05 * np.random.default_rng(8).standard_normal((120, len(names))))
    series = _make_series(np.tile(history[1][:30], (4, 1)) * spread, names)
    ready = prepare(general_calibration, series, (0, 120))
    flow = calibrate(general_calibration, series, ready, model)
    manifest = msgspec.structs.replace(
        _manifest(flow),
        form="general",
        calibration=general_calibration,
        plugins=flow_spec.features,
    )
    golden = make_golden(Flow(flow, model), history[1], np.arange(len(history[1])), [])
    return encode_bundle(manifest, model_bytes, golden)


@pytest.fixture
def general_bundle_file(tmp_path: Path, general_bundle: bytes) -> Path:
    """``general_bundle`` in a file."""
    path = tmp_path / "general.edgemodel"
    path.write_bytes(general_bundle)
    return path


@pytest.fixture
def bundle_file(tmp_path: Path, samples_bundle: bytes) -> Path:
    """``samples_bundle`` in a file."""
    path = tmp_path / "samples.edgemodel"
    path.write_bytes(samples_bundle)
    return path


@pytest.fixture
def features_bundle_file(tmp_path: Path, features_bundle: bytes) -> Path:
    """``features_bundle`` in a file."""
    path = tmp_path / "features.edgemodel"
    path.write_bytes(features_bundle)
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the public recordings; the test is skipped where there is none."""
    beside = Path(__file__).parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("EDGE_AGENT_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"the public recordings are not at {folder}; EDGE_AGENT_DATA can say where")
    return folder


def _manifest(flow: FlowSpec) -> Manifest:
    return Manifest(
        schema_version=SCHEMA_VERSION,
        name="test-bearing",
        version="1.0.0",
        created="2024-01-01T00:00:00Z",
        flow=flow,
        feature_hash=feature_hash(flow.features, flow.feature_names),
        training=Training(
            recipe="default",
            data_sha256="0" * 64,
            healthy=(0, 80),
            windows=80,
            seed=0,
            versions={"tensorflow": "2.21.0"},
        ),
        metrics={"parity": 1e-6},
        baselines={},
        members={},
    )


MakeSeries = Callable[..., Series]


def _make_series(
    vectors: Any,
    names: tuple[str, ...],
    *,
    gaps: tuple[int, ...] = (),
    period_s: float = 60.0,
) -> Series:
    rows = np.asarray(vectors, dtype=np.float32).reshape(-1, len(names))
    starts = np.arange(len(rows), dtype=np.int64) * round(period_s * 1e9)
    gap = np.zeros(len(rows), dtype=np.bool_)
    gap[list(gaps)] = True
    spec = table_input(names, period_s)
    return Series(spec, (), names, rows, starts, starts + 10**9, gap)


@pytest.fixture(scope="session")
def make_series() -> MakeSeries:
    """``make_series(vectors, names, gaps=(), period_s=60.0)``: a feature table in memory."""
    return _make_series
