from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_agent.bundle.replay import expected_windows
from edge_agent.pipeline.spec import FlowSpec
from edge_agent.pipeline.window import Windower
from edge_agent.recordings import open_recording, write_recording


@pytest.mark.parametrize("overlap", [1, 2])
def test_progress_counts_every_window_of_a_burst(
    flow_spec: FlowSpec, tmp_path: Path, overlap: int
) -> None:
    length = flow_spec.input.length
    needed = msgspec.structs.replace(flow_spec.input, hop=length // overlap, period_s=60.0)
    path = tmp_path / "bursts.npz"
    samples = np.zeros((5, 2 * length, 1), np.float32)
    write_recording(path, samples, rate_hz=1024.0, unit="g", channels=["x"], period_s=60.0)
    recording = open_recording(path)
    windows = sum(1 for block in recording.blocks() for _ in Windower(needed).push(block))
    assert expected_windows(needed, recording) == windows
