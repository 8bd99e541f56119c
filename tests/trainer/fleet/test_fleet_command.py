"""``edge-trainer features`` and ``train`` with many assets, as a user meets them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edge_agent.recordings import write_recording
from trainer.fleet import Summary

EdgeTrainer = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for name in ("a", "b"):
        samples = rng.standard_normal((5, 512, 1)).astype(np.float32)
        write_recording(
            folder / f"{name}.npz", samples, rate_hz=1024.0, channels=("x",), period_s=60.0
        )
    return folder


@pytest.fixture
def fleet(recordings: Path) -> Path:
    path = recordings / "plant.toml"
    path.write_text(
        '[[asset]]\nname = "a"\ndata = "a.npz"\n[[asset]]\nname = "c"\ndata = "c.npz"\n'
    )
    return path


def _refused(ended: Any, code: int, *words: str) -> None:
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    for word in words:
        assert word in ended.stderr
    assert ended.stdout == ""


def test_a_pattern_makes_a_table_of_each_recording(
    edge_trainer: EdgeTrainer, recordings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ended = edge_trainer("features", "--data", recordings / "*.npz", "--out", out, "--window", 256)
    assert ended.returncode == 0, ended.stderr
    assert [line.split()[:3] for line in ended.stdout.splitlines()[:2]] == [
        ["a", "done", "10"],
        ["b", "done", "10"],
    ]
    assert ": 2 done, 0 unchanged, 0 failed" in ended.stdout
    alone = tmp_path / "alone.csv"
    one = ("features", "--data", recordings / "a.npz", "--out", alone, "--window", 256)
    assert edge_trainer(*one).returncode == 0
    assert (out / "a.csv").read_bytes() == alone.read_bytes()


def test_failed_assets_are_in_the_summary_and_the_exit_code(
    edge_trainer: EdgeTrainer, fleet: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ended = edge_trainer("features", "--assets", fleet, "--out", out, "--json")
    assert ended.returncode == os.EX_DATAERR
    assert ended.stderr == "edge-trainer: 1 of 2 assets failed\n"
    summary = msgspec.json.decode(ended.stdout, type=Summary)
    assert (summary.engine, summary.done, summary.failed) == ("local", 1, 1)
    assert (summary.outcomes[1].reason or "").endswith("c.npz: No such file or directory")
    assert msgspec.json.decode((out / "summary.json").read_bytes(), type=Summary) == summary


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (["--unit", "g"], os.EX_USAGE, ["--unit is not for --assets", "plant.toml"]),
        (["--data", "a.npz"], os.EX_USAGE, ["--data is not for --assets"]),
        (["--master", "local[2]"], os.EX_USAGE, ["--master is for --engine spark"]),
        (["--out", "nowhere/out"], os.EX_UNAVAILABLE, ["no folder nowhere"]),
        (["--out", sys.executable], os.EX_USAGE, ["is a file, allowed: a folder"]),
        (["--assets", "nope.toml"], os.EX_CONFIG, ["nope.toml: cannot be read"]),
        (["--engine", "dask"], os.EX_USAGE, ["dask"]),
    ],
)
def test_what_does_not_go_with_a_fleet_is_refused(
    edge_trainer: EdgeTrainer,
    fleet: Path,
    tmp_path: Path,
    given: list[str],
    code: int,
    words: list[str],
) -> None:
    out = tmp_path / "out"
    ended = edge_trainer("features", "--assets", fleet, "--out", out, *given)
    _refused(ended, code, *words)
    assert not out.exists()


def test_training_a_fleet_needs_every_assets_healthy_part(
    edge_trainer: EdgeTrainer, fleet: Path, tmp_path: Path
) -> None:
    ended = edge_trainer("train", "--assets", fleet, "--out", tmp_path / "out")
    _refused(ended, os.EX_CONFIG, "asset a: healthy is missing, allowed: A:B")


@pytest.mark.parametrize("command", ["features", "train"])
def test_one_recording_needs_to_be_named_and_takes_no_engine(
    edge_trainer: EdgeTrainer, command: str, recordings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    _refused(edge_trainer(command, "--out", out), os.EX_USAGE, "Missing option")
    given = (command, "--data", recordings / "a.npz", "--out", out, "--engine", "spark")
    _refused(edge_trainer(*given), os.EX_USAGE, "--engine and --master are for many assets")


def test_one_recording_is_not_written_over_a_folder(
    edge_trainer: EdgeTrainer, recordings: Path, tmp_path: Path
) -> None:
    ended = edge_trainer("features", "--data", recordings / "a.npz", "--out", tmp_path)
    _refused(ended, os.EX_USAGE, "is a folder, allowed: a file")


def _on_spark(fleet: Path, out: Path, hidden: str, environment: dict[str, str]) -> Any:
    program = f"import sys; {hidden}from trainer.cli import main; main()"
    given = ["features", "--assets", fleet, "--out", out, "--engine", "spark"]
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, given)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_the_extra_or_java_spark_says_what_to_install(fleet: Path, tmp_path: Path) -> None:
    ended = _on_spark(fleet, tmp_path / "out", "sys.modules['pyspark'] = None; ", {})
    _refused(ended, os.EX_UNAVAILABLE, "edge-agent[trainer,spark]")
    pytest.importorskip("pyspark")
    ended = _on_spark(fleet, tmp_path / "out", "", {"PATH": str(tmp_path), "JAVA_HOME": ""})
    _refused(ended, os.EX_UNAVAILABLE, "there is no", "openjdk-17-jre-headless")
    ended = _on_spark(fleet, tmp_path / "out", "", {"JAVA_HOME": str(tmp_path)})
    _refused(ended, os.EX_UNAVAILABLE, str(tmp_path / "bin" / "java"))
