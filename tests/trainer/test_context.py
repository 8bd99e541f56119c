"""A drive with a speed channel, from the command to a bundle that a gateway takes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.bundle import Bundle
from edge_agent.recordings import write_recording

RATE_HZ, LENGTH, WINDOWS = 2048.0, 512, 180


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three speeds in turn, levels with their square; a new speed in 130:140, a fault from 150."""
    rng = np.random.default_rng(5)
    speeds = np.repeat(np.tile([10.0, 20.0, 30.0], 20), 3)
    speeds[130:140] = 50.0
    time_s = np.arange(LENGTH) / RATE_HZ
    windows = []
    for number, speed in enumerate(speeds):
        level = 0.001 * speed**2 * (1.5 if number >= 150 else 1.0)
        tone = np.sin(2 * np.pi * speed * time_s + rng.uniform(0, 6))
        vibration = level * (0.5 * tone + rng.standard_normal(LENGTH))
        windows.append(np.stack((vibration, np.full(LENGTH, speed)), axis=1))
    path = tmp_path_factory.mktemp("drive") / "drive.npz"
    samples = np.concatenate(windows).astype(np.float32)
    write_recording(path, samples, rate_hz=RATE_HZ, unit="g", channels=("x", "shaft"))
    return path


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default recipe without its network: what is asked here needs none."""
    text = Path(__file__).parents[2].joinpath("trainer/recipes/default.toml").read_text("utf-8")
    tables = text.split("\n[")
    kept = [t for t in tables if not t.startswith(("network]", "fit]"))]
    path = tmp_path_factory.mktemp("recipe") / "plain.toml"
    path.write_text("\n[".join(kept).replace('quantization = "dynamic"', 'quantization = "none"'))
    return path


def test_a_speed_is_context_and_a_new_one_raises_no_alarm(
    recording: Path, recipe: Path, edge_trainer: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "drive.edgemodel"
    ended = edge_trainer(
        *("train", "--recipe", recipe, "--data", recording, "--healthy", "0:120"),
        *("--window", LENGTH, "--context", "shaft", "--out", out, "--json"),
    )
    assert ended.returncode == 0, ended.stderr
    found = msgspec.json.decode(ended.stdout)
    assert found["not_scored"]["regime"] == 10
    assert found["verdicts"]["all"]["alarms_in_healthy"] == 0
    assert 150 <= found["verdicts"]["all"]["first_alarm"] <= 156
    bundle = Bundle.read(out)
    bundle.verify_golden()
    flow = bundle.manifest.flow
    assert flow.input.context == ("shaft",)
    assert flow.feature_names[-1] == "shaft"
    assert not any(name.startswith("shaft_") for name in flow.feature_names)
    assert flow.regime is not None
    assert len(flow.regime.regimes) == 3
    assert len(bundle.golden.samples) > 1


def test_a_context_that_is_not_there_is_refused(
    recording: Path, recipe: Path, edge_trainer: Callable[..., Any], tmp_path: Path
) -> None:
    ended = edge_trainer(
        *("train", "--recipe", recipe, "--data", recording, "--healthy", "0:120"),
        *("--context", "torque", "--out", tmp_path / "drive.edgemodel"),
    )
    assert ended.returncode == 65
    assert "context torque not found, allowed: x, shaft" in ended.stderr
