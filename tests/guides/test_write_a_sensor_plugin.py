"""The plugin in the guide works as it is printed there."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "write-a-sensor-plugin.md"
FENCE = re.compile(r"^```\w+ title=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    for title, text in FENCE.findall(GUIDE.read_text(encoding="utf-8")):
        path = tmp_path / title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def run(plugin: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    source = Path(__file__).parents[2]
    path = os.pathsep.join([str(plugin / "src"), str(source)])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=plugin,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


def test_the_guide_holds_every_file_that_it_lists(plugin: Path) -> None:
    listed = re.search(
        r"^    edge-sensor-serial/\n((?:      .*\n)+)", GUIDE.read_text(), re.MULTILINE
    )
    assert listed is not None
    names = set(listed[1].split())
    made = {str(path.relative_to(plugin)) for path in plugin.rglob("*") if path.is_file()}
    assert made == names - {"README.md"}


def test_its_tests_pass_and_run_the_conformance_kit(plugin: Path) -> None:
    ran = run(plugin, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "tests")
    assert ran.returncode == 0, ran.stdout
    assert "check_sensor(" in (plugin / "tests" / "test_sensor.py").read_text()


def test_its_entry_point_accepts_its_sample(plugin: Path) -> None:
    project = tomllib.loads((plugin / "pyproject.toml").read_text())["project"]
    asset = tomllib.loads((plugin / "sample.toml").read_text())["asset"][0]
    target = project["entry-points"]["edge_agent.sensors"][asset["sensor"]["plugin"]]
    module, _, name = target.partition(":")
    options = asset["sensor"]["options"]
    code = f"import msgspec, {module} as m; msgspec.convert({options!r}, m.{name}.options)"
    ran = run(plugin, "-c", code)
    assert ran.returncode == 0, ran.stderr
