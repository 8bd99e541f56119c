"""Networks with random weights, healthy vectors, and a process in which TensorFlow may live.

TensorFlow and tflite-runtime cannot share a process, and other tests load models in this one.
"""

import fcntl
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from edge_sensor_simulated import Defect, Machine, record
from numpy.typing import NDArray

from trainer.evaluate import Evaluation
from trainer.networks import FitHistory, FittedNetwork, LayerWeights, NetworkSpec
from trainer.networks.fitted import expected_shapes

MakeNetwork = Callable[..., FittedNetwork]


def _random_network(
    spec: NetworkSpec, n_inputs: int, n_outputs: int, scale: float = 0.3
) -> FittedNetwork:
    rng = np.random.default_rng(7)
    arrays = {
        name: (scale * rng.standard_normal(shape)).astype(np.float32)
        for name, shape in expected_shapes(spec, n_inputs, n_outputs).items()
    }
    return FittedNetwork(
        spec=spec,
        n_inputs=n_inputs,
        n_outputs=n_outputs,
        layers=tuple(
            LayerWeights(*(arrays[f"layer{n}_{part}"] for part in ("kernel", "recurrent", "bias")))
            for n in range(len(spec.layer_units) * spec.directions)
        ),
        head_kernel=arrays["head_kernel"],
        head_bias=arrays["head_bias"],
        history=FitHistory(loss=(), val_loss=(), best_epoch=0),
        seconds=0.0,
    )


@pytest.fixture(scope="session")
def random_network() -> MakeNetwork:
    """``random_network(spec, n_inputs, n_outputs, scale=0.3)``."""
    return _random_network


@pytest.fixture(scope="session")
def vectors() -> NDArray[np.float32]:
    """Scaled vectors as a healthy machine gives them, float32 (400, 11)."""
    rng = np.random.default_rng(3)
    steps = np.arange(400)[:, None]
    waves = np.sin(steps / (5.0 + np.arange(11)))
    vectors: NDArray[np.float32] = (waves + 0.4 * rng.standard_normal((400, 11))).astype(np.float32)
    return vectors


@pytest.fixture(scope="session")
def tensorflow() -> None:
    """Skip where the extra is not installed; nothing is imported here."""
    if find_spec("tensorflow") is None:
        pytest.skip("needs the extra 'trainer'")


@pytest.fixture(scope="session")
def elsewhere(tensorflow: None) -> Iterator[Callable[..., Any]]:
    """``elsewhere(function, *arguments)``: its result, from the process that has TensorFlow."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        # the pool's threads start now: they belong to no single test
        pool.submit(int).result()

        def call(function: Callable[..., Any], *arguments: Any) -> Any:
            return pool.submit(function, *arguments).result()

        yield call


@dataclass(frozen=True)
class Trained:
    """What one run of ``edge-trainer train`` left behind."""

    recording: Path
    bundle: Path
    report: Path
    evaluation: Evaluation
    said: str


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bearing that rests in windows 40 to 44 and has a growing defect from window 110 on."""
    path = tmp_path_factory.mktemp("simulated") / "bearing.npz"
    machine = Machine(
        seed=1,
        gravity_g=1.0,
        idle=((40 * 60.0, 45 * 60.0),),
        defect=Defect(kind="outer", onset_s=110 * 60.0, start_g=0.05, doubling_s=600.0),
    )
    record(path, machine, rate_hz=4096.0, duration_s=170 * 60.0, burst=(2048, 60.0))
    return path


EdgeTrainer = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def edge_trainer() -> EdgeTrainer:
    """``edge_trainer(*arguments)``: the command as a user runs it, with what it printed."""
    program = Path(sys.executable).with_name("edge-trainer")

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        command = [str(program), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def trained(
    tensorflow: None, simulated: Path, edge_trainer: EdgeTrainer, shared_folder: Path
) -> Trained:
    """The default recipe, by the command, on the healthy windows of ``simulated``.

    One training for all processes that run tests side by side.
    """
    folder = shared_folder / "trained"
    bundle, report = folder / "pump-7.edgemodel", folder / "report.html"
    said, found = folder / "said.txt", folder / "evaluation.json"
    with (shared_folder / "trained.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.exists():
            folder.mkdir()
            given = ("--data", simulated, "--healthy", "0:90", "--out", bundle, "--report", report)
            ended = edge_trainer("train", *given, "--json")
            assert ended.returncode == 0, ended.stderr
            said.write_text(ended.stderr)
            found.write_text(ended.stdout)
    evaluation = msgspec.json.decode(found.read_bytes(), type=Evaluation)
    return Trained(simulated, bundle, report, evaluation, said.read_text())


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all processes that run tests side by side, this run's alone."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports get empty pictures: to draw them costs more than small fits do.

    What they look like is for the tests of the page.
    """
    monkeypatch.setattr("trainer.report.plots.canvas._render", lambda *_, **__: ("", (1, 1)))
