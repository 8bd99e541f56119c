"""Configurations in a folder of their own, with the bench's sensor plugins installed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.plugin import discovery

BENCH = Path(__file__).parents[1] / "bench"

WriteConfig = Callable[..., Path]

_HEAD = """\
gateway = "gw-1"
state_dir = "state"
"""
_ASSET = """\
[[asset]]
name = "{name}"
bundle = "samples.edgemodel"
[asset.sensor]
plugin = "bench"
"""


@pytest.fixture(autouse=True)
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the plugins of tests/bench for one test."""
    monkeypatch.syspath_prepend(BENCH)
    discovery.rescan()
    yield
    discovery.rescan()


@pytest.fixture
def write_config(bundle_file: Path) -> WriteConfig:
    """``write_config(text, part=text)``: config.toml, and config.d/part.toml for each other one.

    Without a text it is sound: gateway gw-1 with one asset, pump-1. The bundle lies beside it.
    """
    folder = bundle_file.parent

    def write(text: str | None = None, **parts: str) -> Path:
        path = folder / "config.toml"
        path.write_text(_HEAD + _ASSET.format(name="pump-1") if text is None else text)
        for name, part in parts.items():
            (folder / "config.d").mkdir(exist_ok=True)
            (folder / "config.d" / f"{name}.toml").write_text(part)
        return path

    return write


@pytest.fixture
def asset_table() -> Callable[[str], str]:
    """``asset_table(name)``: the TOML of one sound asset."""
    return lambda name: _ASSET.format(name=name)
