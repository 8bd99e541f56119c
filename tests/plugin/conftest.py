"""Plugin distributions laid out as an installer would, on the path of this process."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.plugin import discovery

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that installs a distribution of one module with its entry points."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    modules = set(sys.modules)

    def lay_out(distribution: str, source: str, *, kind: str = "features", **points: str) -> None:
        module = distribution.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(source)
        metadata = tmp_path / f"{module}-1.5.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n"
        )
        lines = "".join(f"{name} = {module}:{target}\n" for name, target in points.items())
        (metadata / "entry_points.txt").write_text(f"[edge_agent.{kind}]\n{lines}")
        importlib.invalidate_caches()
        discovery.rescan()

    yield lay_out
    for module in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[module], "__file__", "")):
            del sys.modules[module]
    monkeypatch.undo()
    discovery.rescan()
