import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["name"]: contract for contract in SETTINGS["contracts"]}

# For each contract a module that does not exist and what it would have to import to break it.
OFFENCES = {
    "Commands call the daemon, which installs what is rolled out: bundles, which hold a pipeline": (
        "edge_agent/bundle/offender.py",
        "import edge_agent.daemon",
    ),
    "Pipeline and calibration know no files, sockets, threads, clocks, chance or command line": (
        "edge_agent/pipeline/offender.py",
        "import socket",
    ),
    "The agent never imports the trainer or TensorFlow": (
        "edge_agent/daemon/offender.py",
        "def late() -> None:\n    import tensorflow",
    ),
    "The agent does without the libraries that are too heavy for a gateway": (
        "edge_agent/recordings/offender.py",
        "import pandas",
    ),
    "Only readers of recordings use scipy or pyarrow": (
        "edge_agent/pipeline/offender.py",
        "import scipy",
    ),
    "No file binds the agent to one of the TFLite runtimes": (
        "edge_agent/pipeline/offender.py",
        "import tflite_runtime.interpreter",
    ),
    "Only commands know the command line": ("edge_agent/daemon/offender.py", "import click"),
    "Only the daemon and the rollout speak MQTT": (
        "edge_agent/cli/offender.py",
        "import paho.mqtt.client",
    ),
    "The daemon leaves signatures to short-lived processes": (
        "edge_agent/daemon/offender.py",
        "import edge_agent.rollout.envelope",
    ),
    "The trainer knows nothing of the daemon or the agent's commands": (
        "trainer/offender.py",
        "import edge_agent.daemon",
    ),
    "Only the Spark engine uses Spark": ("trainer/fleet/offender.py", "import pyspark"),
    "Plugins use only what plugin authors may import": (
        "plugins/edge-sensor-iio/src/edge_sensor_iio/offender.py",
        "import edge_agent.pipeline",
    ),
    "Nothing that runs imports the kit that plugins are tested with": (
        "plugins/edge-sensor-replay/src/edge_sensor_replay/offender.py",
        "import edge_agent.testing",
    ),
    "No plugin needs another": (
        "plugins/edge-feature-envelope/src/edge_feature_envelope/offender.py",
        "import edge_sensor_simulated",
    ),
    "The agent runs without any of its plugins": (
        "edge_agent/recordings/offender.py",
        "import edge_sensor_replay",
    ),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of everything that the contracts speak of."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("edge_agent", "trainer", "plugins"):
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            ignore=shutil.ignore_patterns("__pycache__", "tests"),
        )
    return tmp_path


def lint(tree: Path) -> tuple[set[str], str]:
    """Return the names of the broken contracts and all that import-linter said of ``tree``."""
    sources = [str(tree), *map(str, tree.glob("plugins/*/src"))]
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
            "--no-logo",
        ],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sources), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = ran.stdout + ran.stderr
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)\b", said, re.MULTILINE))
    assert verdicts.keys() == CONTRACTS.keys(), said
    broken = {name for name, verdict in verdicts.items() if verdict == "BROKEN"}
    assert (ran.returncode != 0) == bool(broken), said
    return broken, said


def test_the_tree_keeps_every_contract(tree: Path) -> None:
    broken, said = lint(tree)
    assert not broken, said


def test_every_contract_has_an_offence_that_shows_it_at_work() -> None:
    assert OFFENCES.keys() == CONTRACTS.keys()


@pytest.mark.parametrize("name", OFFENCES)
def test_an_offending_import_breaks_exactly_its_contract(tree: Path, name: str) -> None:
    file, offence = OFFENCES[name]
    (tree / file).write_text(offence + "\n")
    broken, said = lint(tree)
    assert broken == {name}, said


def test_each_thing_the_pipeline_must_not_know_is_noticed(tree: Path) -> None:
    (name,) = (name for name in CONTRACTS if name.startswith("Pipeline and calibration know no"))
    forbidden = CONTRACTS[name]["forbidden_modules"]
    offender = tree / "edge_agent" / "pipeline" / "offender.py"
    offender.write_text("".join(f"import {module}\n" for module in forbidden))
    broken, said = lint(tree)
    assert name in broken
    noticed = set(re.findall(r"edge_agent\.pipeline is not allowed to import (\w+)", said))
    assert noticed == set(forbidden), said
