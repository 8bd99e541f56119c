"""Configuration files: damaged as text, and of the wrong shape as tables."""

import random
import tomllib
from pathlib import Path
from typing import Any

from benchmarks.torture.fuzz.mutate import mutated, mutated_tree
from benchmarks.torture.fuzz.target import Allowed
from benchmarks.torture.samples import small_bundle
from edge_agent.daemon.config.check import check_config
from edge_agent.daemon.config.draft import load_config
from edge_agent.daemon.config.problems import ConfigError

_ROOT = Path(__file__).parents[3]
_CHECK_EVERY = 20  # verifying bundles takes ten times as long as reading the configuration
_SAMPLE = """\
gateway = "gw-1"
state_dir = "state"
state_save_s = 60
[mqtt]
host = "broker.example"
port = 1883
root = "edge/v1"
username = "gw-1"
password_env = "EDGE_AGENT_FUZZ"
keepalive_s = 30
[publish]
features = true
score = true
[[asset]]
name = "pump-1"
bundle = "small.edgemodel"
channels = ["x"]
false_alarms_per_month = 1.0
[asset.sensor]
plugin = "simulated"
unit = "g"
sensitivity = 1.0
range_max = 16.0
on_failure = "probe"
[asset.sensor.options]
rate_hz = 4096
length = 4096
period_s = 60.0
idle = [[1800, 1980]]
start = 2026-01-01T00:00:00Z
[asset.sensor.options.defect]
kind = "outer"
onset_s = 3600.0
"""
_WORDS = (
    b"[mqtt]\n", b"[[asset]]\n", b"[asset]\n", b"[[mqtt]]\n", b"[asset.sensor]\n", b"[a.b.c]\n",
    b" = nan\n", b" = inf\n", b" = 1979-05-27T07:32:00Z\n", b" = 07:32:00\n", b" = {}\n",
    b" = []\n", b" = ''\n", b' = "\\u0000"\n', b' = "\\U0010ffff"\n', b' = """\n', b" = 0x7f\n",
    b" = 99999999999999999999\n", b" = 1e400\n", b"\xff", b"\xef\xbb\xbf", b"\r", b"\x00",
    b"=", b"'", b'"', b"#", b"[" * 2000, b"a." * 500, b"{a=" * 500, b"true", b"-", b"..",
)  # fmt: skip


class Configuration:
    """Reads a file, and from time to time checks it with its bundle and plugins."""

    allowed: Allowed = (ConfigError,)

    def __init__(self, folder: Path) -> None:
        """Begin with the samples that the project ships, and one that says everything."""
        self._file = folder / "config.toml"
        (folder / "small.edgemodel").write_bytes(small_bundle())
        shipped = [*_ROOT.glob("deploy/config/*.toml"), *_ROOT.glob("plugins/*/sample.toml")]
        self._samples = [_SAMPLE.encode()] * 3 + [path.read_bytes() for path in sorted(shipped)]
        self._trees = [_plain(tomllib.loads(text.decode())) for text in self._samples]

    def feed(self, number: int, rng: random.Random) -> None:
        """Load one."""
        which = rng.randrange(len(self._samples))
        if rng.random() < 0.5:  # noqa: PLR2004 - half of them
            text = mutated(self._samples[which], rng, _WORDS)
        else:
            tree = mutated_tree(self._trees[which], rng)
            lines = _toml(tree) if isinstance(tree, dict) else str(tree)
            text = lines.encode(errors="surrogatepass")
        self._file.write_bytes(text)
        if number % _CHECK_EVERY == 0:
            check_config(self._file, offline=True)
        load_config(self._file)

    def close(self) -> None:
        """Nothing was kept."""


def _plain(value: Any) -> Any:  # noqa: ANN401 - any TOML
    """Return what JSON can say of a TOML value: dates become texts."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float) else str(value)


def _toml(tree: dict[str, Any]) -> str:
    return "".join(f"{_text(key)} = {_inline(value)}\n" for key, value in tree.items())


def _inline(value: Any) -> str:  # noqa: ANN401 - any JSON
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return '""'
        case dict():
            inner = ", ".join(f"{_text(key)} = {_inline(item)}" for key, item in value.items())
            return f"{{{inner}}}"
        case list():
            return f"[{', '.join(map(_inline, value))}]"
        case str():
            return _text(value)
        case _:
            return repr(value)


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.replace("\x00", "\\u0000")
