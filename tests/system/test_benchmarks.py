"""The benchmarks run, and print every figure beside its reference."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIGURES = {
    "features_20480x4",
    "features_4096x1",
    "velocity_rms_20480x4",
    "model_step",
    "whole_path_4096x1",
    "whole_path_20480x4",
    "start_first",
    "start_again",
    "memory_one_asset_pss",
    "memory_one_asset_rss",
    "memory_further_asset_pss",
    "memory_further_asset_rss",
    "latency_p99",
    "latency_p50",
}
JUDGED = {
    "features_20480x4",
    "model_step",
    "whole_path_4096x1",
    "whole_path_20480x4",
    "start_first",
    "start_again",
    "memory_one_asset_pss",
    "memory_one_asset_rss",
    "memory_further_asset_pss",
    "memory_further_asset_rss",
    "latency_p99",
}


@pytest.mark.system
def test_a_quick_run_prints_one_json_object_with_every_figure_beside_its_reference() -> None:
    if shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") is None:
        pytest.skip("mosquitto is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["schema"] == "edge-agent/benchmarks/1"
    assert report["quick"] is True
    assert report["not_run"] == []
    found = {figure["name"]: figure for figure in report["figures"]}
    assert set(found) == FIGURES
    assert {name for name, figure in found.items() if figure["goal"]} == JUDGED
    for name, figure in found.items():
        assert figure["value"] > 0, name
        assert figure["environment"], name
        assert figure["references"], name
        assert all(reference["value"] > 0 for reference in figure["references"]), name
        assert name in done.stderr  # the table
    assert found["memory_one_asset_pss"]["notes"]["heavy_libraries"] == "none"


@pytest.mark.system
def test_parts_can_be_chosen_and_shown_as_a_table_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--only", "model_step", "--table"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "the same step in numpy" in done.stdout
    assert "features_" not in done.stdout


@pytest.mark.system
def test_light_gateways_and_simulated_ones_all_prove_themselves() -> None:
    if shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") is None:
        pytest.skip("mosquitto is not installed")
    numbers = ("--gateways", "4", "--processes", "2", "--simulated", "60")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fleet", *numbers],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["succeeded"] for one in found["measured"]] == [4]
    assert [one["succeeded"] for one in found["simulated"]] == [60]
    assert found["measured"][0]["bytes_out"] > found["measured"][0]["bundle_bytes"]


@pytest.mark.system
def test_what_an_update_costs_is_measured_beside_an_agent_at_rest() -> None:
    if shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") is None:
        pytest.skip("mosquitto is not installed")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.update"),
            *("--assets", "1", "--updates", "1", "--normal", "5"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    assert [figure["name"] for figure in figures] == [
        "update_latency_p99",
        "update_latency_p50",
        "update_memory_pss",
        "update_memory_rss",
    ]
    assert all(figure["references"][0]["value"] > 0.0 for figure in figures)
