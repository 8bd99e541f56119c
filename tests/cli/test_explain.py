import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EdgeAgent = Callable[..., Any]
Vibration = Callable[..., Any]


@pytest.fixture
def snapshots(
    edge_agent: EdgeAgent, bundle_file: Path, tmp_path: Path, vibration: Vibration
) -> Path:
    """The folder with the picture of what opens in a replayed recording."""
    samples = np.concatenate([vibration(60, seed=5), vibration(15, 1.0, seed=6)])
    recording = tmp_path / "pump 1.csv"
    np.savetxt(recording, samples, fmt="%.7g", header="x", comments="")
    folder = tmp_path / "snapshots"
    ran = edge_agent(
        *("replay", "--bundle", bundle_file, "--recording", recording),
        *("--snapshots", folder, "--rate-hz", 1024, "--unit", "g"),
    )
    assert ran.code == 0
    return folder


def test_what_opens_in_a_recording_can_be_explained_from_its_file(
    edge_agent: EdgeAgent, snapshots: Path, tmp_path: Path
) -> None:
    (file,) = snapshots.iterdir()

    ran = edge_agent("explain", file, "--out", tmp_path / "page.html")

    assert ran.code == 0
    assert "pump-1 on replay" in ran.out
    assert "What to look at" in ran.out
    assert "above its healthy range" in ran.out
    assert (tmp_path / "page.html").read_bytes().startswith(b"<!DOCTYPE html>")


def test_an_anomaly_of_the_agents_folder_is_found_by_last_asset_and_id(
    edge_agent: EdgeAgent, snapshots: Path, tmp_path: Path
) -> None:
    (file,) = snapshots.iterdir()
    (tmp_path / "state").mkdir()
    snapshots.rename(tmp_path / "state" / "snapshots")
    config = tmp_path / "config.toml"
    config.write_text('gateway = "gw-1"\nstate_dir = "state"\n')
    anomaly = file.name.split(".")[-2]

    found = [
        json.loads(edge_agent("explain", word, "--json", "--config", config).out)
        for word in ("last", "pump-1", anomaly[:6])
    ]

    assert found[0] == found[1] == found[2]
    assert found[0]["event"]["anomaly_id"].startswith(anomaly)
    assert found[0]["channels"][0]["healthy_db"] is not None


@pytest.mark.parametrize(
    ("event", "code", "said"),
    [("last", 69, "no anomaly has opened"), ("none.json", 65, "No such file")],
)
def test_what_cannot_be_explained_is_said(
    edge_agent: EdgeAgent, tmp_path: Path, event: str, code: int, said: str
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('state_dir = "state"\n')
    ran = edge_agent("explain", event, "--config", config)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


def test_a_page_that_cannot_be_written_is_said(
    edge_agent: EdgeAgent, snapshots: Path, tmp_path: Path
) -> None:
    (file,) = snapshots.iterdir()
    ran = edge_agent("explain", file, "--out", tmp_path / "nowhere" / "page.html")
    assert ran.code == 69
    assert "cannot be written" in ran.err


def test_the_guides_program_finds_where_the_spectrum_is_louder(
    edge_agent: EdgeAgent, snapshots: Path, tmp_path: Path
) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "subscribe.md").read_text()
    found = re.search(r"^```python title=snapshot\.py\n(.*?)^```$", guide, re.DOTALL | re.MULTILINE)
    assert found is not None
    (tmp_path / "snapshot.py").write_text(found[1])
    (file,) = snapshots.iterdir()

    ran = subprocess.run(
        [sys.executable, tmp_path / "snapshot.py", file], capture_output=True, text=True, check=True
    )

    lines = ran.stdout.splitlines()
    assert len(lines) == 3
    assert all(re.fullmatch(r"x: \d+ to \d+ Hz \+\d+\.\d dB", line) for line in lines)
