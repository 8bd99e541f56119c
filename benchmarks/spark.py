"""One model per asset for a fleet: the local engine, Spark on one processor, Spark on two.

    python -m benchmarks.spark [--assets 50] [--compared 8] [--epochs 5] [--folder FOLDER]

Simulates short recordings of bearings, trains all of them in one job on Spark with two processors,
and the first few with each engine for a speed-up. Prints JSON; the bundles of all engines must be
the same. On a machine that does other work at the time the figures tell little: load is printed.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from edge_sensor_simulated import Machine as SimulatedMachine
from edge_sensor_simulated import record

from benchmarks.figure import Machine
from benchmarks.machine import load, machine
from edge_agent.bundle import Bundle
from trainer.fleet import Asset, Job, Outcome, run_local, training_jobs
from trainer.spark import run_spark

_WINDOWS, _HEALTHY = 80, "0:70"
_Engine = Callable[[Sequence[Job], Callable[[Outcome], None]], None]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One job over a fleet.

    Attributes:
        engine: and its processors.
        assets: in the job.
        failed: of them.
        seconds: from the call to the last asset's end, Spark's start included.
        first_end_s: from the call to the first asset's end.
        seconds_per_asset: from the first asset's end to the last one's, per asset.
    """

    engine: str
    assets: int
    failed: int
    seconds: float
    first_end_s: float
    seconds_per_asset: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """All runs, and how many times as many assets an hour they do as the local engine."""

    machine: Machine
    epochs: int
    runs: tuple[Run, ...]
    speed_up: dict[str, float]
    same_models: bool


def measure(engine: str, run: _Engine, jobs: Sequence[Job]) -> Run:
    """Run ``jobs`` and take the times."""
    began_s = time.perf_counter()
    ends_s: list[float] = []
    failed = 0

    def ended(outcome: Outcome) -> None:
        nonlocal failed
        ends_s.append(time.perf_counter() - began_s)
        failed += outcome.status == "failed"
        print(f"{engine}: {len(ends_s)} of {len(jobs)}, {outcome}", file=sys.stderr)

    run(jobs, ended)
    return Run(
        engine=engine,
        assets=len(jobs),
        failed=failed,
        seconds=round(ends_s[-1], 1),
        first_end_s=round(ends_s[0], 1),
        seconds_per_asset=round((ends_s[-1] - ends_s[0]) / max(1, len(jobs) - 1), 2),
    )


def _fleet(folder: Path, count: int) -> list[Asset]:
    assets = []
    for number in range(count):
        path = folder / f"bearing-{number}.npz"
        simulated = SimulatedMachine(seed=number, gravity_g=1.0)
        record(path, simulated, rate_hz=4096.0, duration_s=_WINDOWS * 60.0, burst=(2048, 60.0))
        assets.append(Asset(name=path.stem, data=str(path), healthy=_HEALTHY))
    return assets


def _jobs(assets: Sequence[Asset], folder: Path, epochs: int) -> list[Job]:
    folder.mkdir()
    jobs = []
    for job in training_jobs(assets, folder):
        if job.recipe.fit is None:
            raise ValueError(f"recipe {job.recipe.name} fits no network")
        fit = msgspec.structs.replace(job.recipe.fit, epochs=epochs)
        jobs.append(
            msgspec.structs.replace(job, recipe=msgspec.structs.replace(job.recipe, fit=fit))
        )
    return jobs


def _models(jobs: Sequence[Job]) -> list[bytes | None]:
    return [Bundle.read(job.file).model for job in jobs]


def benchmark(folder: Path, count: int, compared: int, epochs: int) -> Result:
    """Measure all engines."""
    before = load()
    recordings = folder / "recordings"
    recordings.mkdir()
    assets = _fleet(recordings, count)
    engines: list[tuple[str, _Engine, int]] = [("local", run_local, compared)]
    for master, some in (("local[1]", compared), ("local[2]", count)):
        on_spark = partial(run_spark, master=master, log=folder / f"{master}.log")
        engines.append((f"spark {master}", on_spark, some))
    runs, models = [], []
    for name, engine, some in engines:
        jobs = _jobs(assets[:some], folder / name, epochs)
        runs.append(measure(name, engine, jobs))
        models.append(_models(jobs[:compared]))
    local_s = runs[0].seconds_per_asset
    return Result(
        machine=machine(before),
        epochs=epochs,
        runs=tuple(runs),
        speed_up={run.engine: round(local_s / run.seconds_per_asset, 2) for run in runs},
        same_models=all(found == models[0] for found in models),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--assets", type=int, default=50)
    parser.add_argument("--compared", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="an empty folder to keep everything in")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edge-trainer-spark-") as temporary:
        found = benchmark(
            given.folder or Path(temporary), given.assets, given.compared, given.epochs
        )
    print(msgspec.json.format(msgspec.json.encode(found)).decode())
