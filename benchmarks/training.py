"""What training costs, beside the published notebook that it takes the place of.

    python -m benchmarks.training --data ../shared/data [--recipe default] [--runs 3]

Runs ``edge-trainer train`` on the feature table of IMS test 2, gates and report included, and the
published autoencoder's 100 epochs by Keras, in turns, each a process of its own; prints JSON. The
goal is a ratio of wall times below a half. CPU times are given too: they bear a busy machine.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks.figure import Machine
from benchmarks.machine import load, machine

_TABLE = Path("ims_2nd_test/ims_2nd_test_features.csv")
_GOAL = 0.5


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One training beside one run of the notebook, all in seconds.

    Attributes:
        train_s: wall time of ``edge-trainer train``.
        train_cpu_s: processor time of it and its children.
        notebook_s: wall time of the notebook's process.
        notebook_cpu_s: processor time of it.
        notebook_fit_s: wall time of its ``fit`` alone.
    """

    train_s: float
    train_cpu_s: float
    notebook_s: float
    notebook_cpu_s: float
    notebook_fit_s: float


class TrainingReport(msgspec.Struct, frozen=True, kw_only=True):
    """All runs.

    Attributes:
        recipe: that was trained.
        machine: where.
        runs: in turns.
        ratio: median of train_s / notebook_s.
        cpu_ratio: median of train_cpu_s / notebook_cpu_s.
        met: the ratio is below the goal.
    """

    recipe: str
    machine: Machine
    runs: tuple[Run, ...]
    ratio: float
    cpu_ratio: float
    met: bool


def measure(table: Path, recipe: str, runs: int) -> TrainingReport:
    """Measure in turns."""
    before = load()
    found = []
    with tempfile.TemporaryDirectory(prefix="edge-agent-benchmarks-") as name:
        for _ in range(runs):
            train_s, train_cpu_s, _ = _timed(_train(table, recipe, Path(name)))
            notebook = [sys.executable, "-W", "ignore", "-m", "benchmarks.notebook", str(table)]
            notebook_s, notebook_cpu_s, said = _timed(notebook)
            found.append(
                Run(
                    train_s=train_s,
                    train_cpu_s=train_cpu_s,
                    notebook_s=notebook_s,
                    notebook_cpu_s=notebook_cpu_s,
                    notebook_fit_s=float(said),
                )
            )
    ratio = _median([run.train_s / run.notebook_s for run in found])
    return TrainingReport(
        recipe=recipe,
        machine=machine(before),
        runs=tuple(found),
        ratio=ratio,
        cpu_ratio=_median([run.train_cpu_s / run.notebook_cpu_s for run in found]),
        met=ratio < _GOAL,
    )


def _train(table: Path, recipe: str, folder: Path) -> list[str]:
    program = str(Path(sys.executable).with_name("edge-trainer"))
    out = ("--out", str(folder / "bearing.edgemodel"), "--report", str(folder / "report.html"))
    return [program, "train", "--recipe", recipe, "--data", str(table), "--healthy", "0:400", *out]


def _timed(command: list[str]) -> tuple[float, float, str]:
    """Return wall time, processor time of the process and its children, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began_s = time.perf_counter()
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    wall_s = time.perf_counter() - began_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall_s, cpu_s, ended.stdout


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    report = measure(given.data / _TABLE, given.recipe, given.runs)
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    sys.exit(0 if report.met else 1)


if __name__ == "__main__":
    main()
