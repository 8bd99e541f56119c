"""Every plugin folder is complete, and its sample configuration is one that works."""

import tomllib
from pathlib import Path
from typing import Any, Literal

import pytest

from edge_agent.plugin.discovery import configure

PLUGINS = Path(__file__).parents[2] / "plugins"
FOLDERS = sorted(path for path in PLUGINS.iterdir() if path.is_dir())
FILES = ("pyproject.toml", "README.md", "sample.toml")


def missing(folder: Path) -> list[str]:
    """Return what a plugin folder lacks, empty files counting as missing."""
    lacking = [
        name
        for name in FILES
        if not (folder / name).is_file() or not (folder / name).read_text().strip()
    ]
    package = folder.name.replace("-", "_")
    modules = (f"src/{package}/{name}" for name in ("__init__.py", "py.typed"))
    lacking += [name for name in modules if not (folder / name).is_file()]
    if not list((folder / "tests").glob("test_*.py")):
        lacking.append("tests/test_*.py")
    return lacking


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def samples(folder: Path) -> list[tuple[Literal["sensors", "features"], str, dict[str, Any]]]:
    """Return kind, plugin and options of a sample.toml: assets, or the features of a recipe."""
    sample = read(folder / "sample.toml")
    sensors = [asset["sensor"] for asset in sample.get("asset", [])]
    features = sample.get("features", {}).get("plugins", [])
    return [
        *(("sensors", s["plugin"], s.get("options", {})) for s in sensors),
        *(("features", f["plugin"], f.get("options", {})) for f in features),
    ]


def test_there_are_plugins() -> None:
    assert [folder.name for folder in FOLDERS] == [
        "edge-feature-envelope",
        "edge-sensor-iio",
        "edge-sensor-replay",
        "edge-sensor-simulated",
    ]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_plugin_folder_is_complete(folder: Path) -> None:
    assert missing(folder) == []


def test_what_a_folder_lacks_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "edge-sensor-new"
    folder.mkdir()
    (folder / "README.md").write_text("\n")
    (folder / "sample.toml").write_text("[[asset]]\n")
    assert missing(folder) == [
        "pyproject.toml",
        "README.md",
        "src/edge_sensor_new/__init__.py",
        "src/edge_sensor_new/py.typed",
        "tests/test_*.py",
    ]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_plugin_is_a_distribution_of_its_own(folder: Path) -> None:
    project = read(folder / "pyproject.toml")["project"]
    assert project["name"] == folder.name
    assert "edge-agent" in project["dependencies"]
    assert {"edge_agent.sensors", "edge_agent.features"} & set(project["entry-points"])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_sample_configures_the_plugin_it_comes_with(folder: Path) -> None:
    points = read(folder / "pyproject.toml")["project"]["entry-points"]
    configured = samples(folder)
    assert configured
    for kind, name, options in configured:
        assert name in points[f"edge_agent.{kind}"]
        configure(kind, name, options)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_sample_of_a_sensor_is_a_whole_asset(folder: Path) -> None:
    for asset in read(folder / "sample.toml").get("asset", []):
        assert {"name", "bundle", "sensor"} <= set(asset)
