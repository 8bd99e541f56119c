"""Recordings of a small fleet, short recipes, and the command as a user runs it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from edge_sensor_simulated import Defect, Machine, record

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


@pytest.fixture(scope="session")
def spark() -> None:
    """Skip where the extra or Java is not installed."""
    if find_spec("pyspark") is None:
        pytest.skip("needs the extra 'spark'")
    if shutil.which("java") is None:
        pytest.skip("needs a Java runtime")


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pump-0.npz to pump-2.npz, whose defects begin in window 60, and broken.npz."""
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(3):
        defect = Defect(kind="outer", onset_s=60 * 60.0, start_g=0.05, doubling_s=600.0)
        machine = Machine(seed=number, gravity_g=1.0, defect=defect)
        path = folder / f"pump-{number}.npz"
        record(path, machine, rate_hz=4096.0, duration_s=80 * 60.0, burst=(2048, 60.0))
    (folder / "broken.npz").write_bytes(b"PK\x03\x04 torn")
    return folder


@pytest.fixture
def swept() -> Iterator[None]:
    """Take away what the workers of a local cluster leave in pyspark's own folder."""
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    work = Path(spec.origin).with_name("work")
    before = set(work.glob("app-*"))
    yield
    for left in set(work.glob("app-*")) - before:
        shutil.rmtree(left)


@dataclass(frozen=True)
class Bench:
    """A place to run fleets in; ``probe`` is where the feature of that name says what it did."""

    folder: Path
    recordings: Path
    probe: Path
    environment: dict[str, str]

    def fleet(self, **recipes: Path) -> Path:
        """Write a fleet of the given assets, ``pump_0=recipe``, and return its file."""
        path = self.folder / f"{'-'.join(recipes)}.toml"
        tables = (
            f'[[asset]]\nname = "{name}"\nrecipe = "{recipe}"\n'
            f'data = "{self.recordings / name.replace("_", "-")}.npz"\n'
            for name, recipe in recipes.items()
        )
        path.write_text('[defaults]\nhealthy = "0:50"\n' + "\n".join(tables))
        return path

    def recipe(self, name: str, text: str = "") -> Path:
        """Write a short recipe, with the probe of these options where there are some."""
        path = self.folder / f"{name}.toml"
        recipe = (ROOT / "trainer" / "recipes" / "default.toml").read_text()
        recipe = recipe.replace("epochs = 60", "epochs = 2").replace("patience = 12\n", "")
        if text:
            options = f'folder = "{self.probe}", {text}'
            probe = f'{{ plugin = "probe", options = {{ {options} }} }},\n    {{ plugin = "rms" }}'
            recipe = recipe.replace('{ plugin = "rms" }', probe)
        path.write_text(recipe)
        return path

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        """Start ``edge-trainer`` with these arguments."""
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("edge-trainer")), *map(str, arguments)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """Run ``edge-trainer`` with these arguments."""
        with self.start(*arguments) as process:
            said = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, *said)


@pytest.fixture
def bench(tmp_path: Path, recordings: Path) -> Bench:
    """A bench where the plugin ``probe`` is installed, in executors too."""
    installed = tmp_path / "installed"
    about = installed / "edge_spark_probe-1.0.dist-info"
    about.mkdir(parents=True)
    shutil.copy(HERE / "edge_spark_probe.py", installed)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: edge-spark-probe\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[edge_agent.features]\nprobe = edge_spark_probe:Probe\n"
    )
    probe = tmp_path / "probe"
    probe.mkdir()
    path = [str(installed), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    return Bench(tmp_path, recordings, probe, environment)
