"""From what a gateway publishes to a bundle that the same gateway runs."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.bundle import Bundle
from edge_agent.bundle.replay import replay
from edge_agent.bundle.rows import encode_rows
from edge_agent.pipeline.features import FeatureExtractor
from edge_agent.recordings import Recording, open_recording, write_recording

pytest.importorskip("pyarrow", reason="needs the extra 'formats'")
pytest.importorskip("matplotlib", reason="needs the extra 'trainer'")
pytestmark = pytest.mark.system

PROGRAMS = Path(sys.executable).parent
WINDOWS = 40
NS = 10**9
RECIPE = """\
name = "plain"
summary = "Distance of each feature to what it usually is; no network."
source = "a test"
kind = "baseline"
held_out_share = 0.3
washout = 0
warm_up = 16
quantization = "none"
[features]
plugins = [
    { plugin = "rms" }, { plugin = "kurtosis" }, { plugin = "peak" }, { plugin = "band_energies" },
]
columns = []
[window]
length = 256
hop = 256
[scaler]
kind = "robust"
transform = "log"
[scorer]
kind = "absolute_error"
[smoothing]
kind = "mean"
[threshold]
method = "mean_sigma"
parameter = 5.0
scores = "healthy"
[alarm]
k = 1
n = 1
"""


@pytest.fixture
def recording(tmp_path: Path, vibration: Any, noon_s: int) -> Recording:
    """Healthy but for the last five windows."""
    path = tmp_path / "pump.npz"
    samples = np.concatenate((vibration(WINDOWS - 5, seed=4), vibration(5, 1.0, seed=5)))
    write_recording(path, samples, rate_hz=1024.0, unit="g", channels=["x"], start_ns=noon_s * NS)
    return open_recording(path)


@pytest.fixture
def collected(
    mosquitto: Any, collect: Any, store: Path, start_agent: Any, recording: Recording
) -> Recording:
    """What the agent with ``samples_bundle`` published of the recording, as it was collected."""
    running = collect(mosquitto.port, "--messages", str(WINDOWS))
    start_agent(
        mosquitto.port,
        {"pump-1": f'path = "{recording.path}"\nspeed = 0.0'},
        mqtt="[publish]\nfeatures = true",
        plugins={"pump-1": "replay"},
    )
    running.ended()
    return open_recording(store / "gateway=gw-1" / "asset=pump-1")


def _vectors(recording: Recording) -> NDArray[np.float32]:
    return np.concatenate([block.samples for block in recording.blocks()])


def _ran(*command: object) -> None:
    program, *arguments = map(str, command)
    given = [str(PROGRAMS / program), *arguments]
    ended = subprocess.run(given, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_a_bundle_of_collected_features_runs_on_the_gateway_as_one_of_its_samples(
    collected: Recording, recording: Recording, bundle_file: Path, tmp_path: Path, noon_s: int
) -> None:
    old = Bundle.read(bundle_file).manifest
    extractor = FeatureExtractor(old.flow.features, old.flow.input.feature_input())
    windows = _vectors(recording).reshape(WINDOWS, 256, 1)
    expected = np.array([extractor.compute(window)[0] for window in windows])
    assert collected.channels == extractor.names
    assert _vectors(collected).tobytes() == expected.tobytes()
    starts_ns = [block.start_ns - noon_s * NS for block in collected.blocks()]
    assert starts_ns == [i * NS // 4 for i in range(WINDOWS)]
    assert not any(block.gap_before for block in collected.blocks())

    recipe = tmp_path / "plain.toml"
    recipe.write_text(RECIPE)
    given = ("--recipe", recipe, "--healthy", "0:30", "--name", "pump")
    bundles = [tmp_path / f"from-{what}.edgemodel" for what in ("store", "samples")]
    _ran(
        *("edge-trainer", "train", "--data", collected.path, "--input-of", bundle_file),
        *(*given, "--out", bundles[0]),
    )
    _ran("edge-trainer", "train", "--data", recording.path, *given, "--out", bundles[1])
    rows = tmp_path / "rows.jsonl"
    _ran(
        *("edge-agent", "replay", "--bundle", bundles[0], "--recording", recording.path),
        *("--jsonl", rows),
    )
    made, direct = map(Bundle.read, bundles)
    assert made.manifest.feature_hash == old.feature_hash
    assert made.manifest.flow.input == old.flow.input
    results = list(replay(direct.load(), recording))
    assert rows.read_bytes() == b"".join(map(encode_rows, results))
    assert [result.anomaly for result in results] == [False] * 35 + [True] * 5


def test_replay_takes_a_store(
    collected: Recording, features_bundle_file: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    _ran(
        *("edge-agent", "replay", "--bundle", features_bundle_file),
        *("--recording", collected.path, "--jsonl", rows),
    )
    bundle = Bundle.read(features_bundle_file)
    results = list(replay(bundle.load(), collected))
    assert len(results) == WINDOWS
    assert rows.read_bytes() == b"".join(map(encode_rows, results))
