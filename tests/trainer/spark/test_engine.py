"""Spark makes what the local engine makes, whatever dies on the way."""

import os
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from edge_agent.bundle import Bundle
from trainer.fleet import Summary

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("spark"),
]

ANY_MOMENT = "2024-01-31T12:00:00Z"
TWO_CORES = ("--engine", "spark", "--master", "local[2]")
TWO_EXECUTORS = ("--engine", "spark", "--master", "local-cluster[2,1,1024]")


def _summary(ended: Any, code: int) -> Summary:
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    return msgspec.json.decode(ended.stdout, type=Summary)


def _made(folder: Path, ending: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob(f"*.{ending}")}


def test_features_are_the_local_engines_bit_for_bit_and_not_computed_again(
    bench: Any, recordings: Path
) -> None:
    here, there = bench.folder / "local", bench.folder / "spark"
    given = ("features", "--data", recordings / "*.npz", "--json", "--out")
    local = _summary(bench.run(*given, here), os.EX_DATAERR)
    spark = _summary(bench.run(*given, there, *TWO_CORES), os.EX_DATAERR)
    assert (spark.engine, spark.done, spark.unchanged, spark.failed) == ("spark", 3, 0, 1)
    assert [(o.asset, o.status, o.reason, o.result) for o in spark.outcomes] == [
        (o.asset, o.status, o.reason, o.result) for o in local.outcomes
    ]
    assert spark.outcomes[0].asset == "broken"
    assert str(recordings / "broken.npz") in (spark.outcomes[0].reason or "")
    assert len(_made(there, "csv")) == 3
    assert _made(there, "csv") == _made(here, "csv")
    assert msgspec.json.decode((there / "summary.json").read_bytes(), type=Summary) == spark

    again = _summary(bench.run(*given, here, *TWO_CORES), os.EX_DATAERR)
    assert (again.done, again.unchanged, again.failed) == (0, 3, 1)
    assert [o.result for o in again.outcomes] == [o.result for o in local.outcomes]


def _without_moments(bundle: Bundle) -> Any:
    """What was trained: the manifest but for when it was, and how long that took."""
    members = {n: m for n, m in bundle.manifest.members.items() if n != "report.html"}
    return msgspec.structs.replace(bundle.manifest, created=ANY_MOMENT, members=members)


@pytest.mark.usefixtures("tensorflow")
def test_a_fleet_trained_on_spark_has_the_local_engines_bundles(bench: Any) -> None:
    recipe = bench.recipe("short")
    fleet = bench.fleet(pump_0=recipe, pump_1=recipe, pump_2=recipe, broken=recipe)
    here, there = bench.folder / "local", bench.folder / "spark"
    given = ("train", "--assets", fleet, "--json", "--out")
    local = _summary(bench.run(*given, here), os.EX_DATAERR)
    spark = _summary(bench.run(*given, there, *TWO_CORES), os.EX_DATAERR)
    assert (spark.done, spark.failed) == (3, 1)
    assert [(o.status, o.result) for o in spark.outcomes] == [
        (o.status, o.result) for o in local.outcomes
    ]
    for name in _made(here, "edgemodel"):
        one, other = Bundle.read(here / name), Bundle.read(there / name)
        assert one.model == other.model
        assert _without_moments(one) == _without_moments(other)
    again = _summary(bench.run(*given, there), os.EX_DATAERR)
    assert (again.engine, again.unchanged, again.failed) == ("local", 3, 1)


def test_an_asset_that_kills_its_process_fails_alone(bench: Any) -> None:
    short = bench.recipe("short")
    fleet = bench.fleet(pump_0=short, pump_1=bench.recipe("deadly", "die = true"), pump_2=short)
    out = bench.folder / "out"
    ended = bench.run("features", "--assets", fleet, "--json", "--out", out, *TWO_CORES)
    found = _summary(ended, os.EX_DATAERR)
    assert [o.status for o in found.outcomes] == ["done", "failed", "done"]
    reason = found.outcomes[1].reason or ""
    assert reason
    assert "\n" not in reason
    assert sorted(_made(out, "csv")) == ["pump_0.csv", "pump_2.csv"]


def _executor_above(pid: int) -> psutil.Process:
    """Return the Java process that the Python process ``pid`` works for."""
    return next(p for p in psutil.Process(pid).parents() if p.name() == "java")


def _started(probe: Path, but: frozenset[int] = frozenset()) -> int:
    """Wait for the probe to start in a process not in ``but``; return that one's id."""
    deadline_s = time.monotonic() + 600.0
    while time.monotonic() < deadline_s:
        found = {int(path.stem) for path in probe.glob("*.pid")} - but
        if found:
            return found.pop()
        time.sleep(0.05)
    raise AssertionError("the probe did not start")


@pytest.mark.usefixtures("swept")
def test_a_killed_executor_is_survived(bench: Any) -> None:
    short = bench.recipe("short")
    fleet = bench.fleet(pump_0=bench.recipe("slow", "wait = true"), pump_1=short, pump_2=short)
    out = bench.folder / "out"
    given = ("features", "--assets", fleet, "--json", "--out", out)
    with bench.start(*given, *TWO_EXECUTORS) as process:
        try:
            first = _started(bench.probe)
            _executor_above(first).kill()
            _started(bench.probe, frozenset({first}))
        finally:
            (bench.probe / "go").touch()
        printed, said = process.communicate()
    assert process.returncode == 0, said
    found = msgspec.json.decode(printed, type=Summary)
    assert [o.status for o in found.outcomes] == ["done"] * 3
    assert not psutil.pid_exists(first)
