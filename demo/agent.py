"""Runs the command ``edge-agent run`` with a configuration of its own."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.broker import HOST
from demo.failure import DemoError
from demo.processes import command, ending, running
from demo.story import Story

GATEWAY = "demo"
ROOT = "edge/v1"
_STOP_S = 10.0

_CONFIG = """\
gateway = {gateway}
state_dir = "state"

[mqtt]
host = {host}
port = {port}
root = {root}

[outbox]
backlog_per_s = 10000

[publish]
features = true

[[asset]]
name = {asset}
bundle = {bundle}

[asset.sensor]
plugin = {plugin}
on_failure = "error"

[asset.sensor.options]
{options}
"""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent that was started."""

    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise DemoError where it has ended."""
        if self.process.poll() is not None:
            raise ending(self.process, "edge-agent", self.log)

    def stop(self) -> None:
        """Tell it to stop, as systemd would, and wait. Raises DemoError where it does not obey."""
        self.check()
        self.process.terminate()
        try:
            code = self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            raise DemoError(f"edge-agent still runs {_STOP_S:g} s after SIGTERM") from None
        if code != 0:
            raise ending(self.process, "edge-agent", self.log)


@contextmanager
def running_agent(
    story: Story, asset: str, bundle: Path, port: int, folder: Path, log: Path
) -> Iterator[Agent]:
    """Run the agent on ``story``.

    Args:
        story: holds the sensor.
        asset: name of the machine.
        bundle: what judges it.
        port: of the broker.
        folder: where its configuration and its state go.
        log: what it says.

    Raises:
        DemoError: it cannot be started.
    """
    config = folder / "config.toml"
    config.write_text(_config(story, asset, bundle, port), encoding="utf-8")
    arguments = [command("edge-agent"), "run", "--config", str(config)]
    with log.open("wb") as output, running(arguments, output) as process:
        yield Agent(process, log)


def _config(story: Story, asset: str, bundle: Path, port: int) -> str:
    given = {
        "gateway": GATEWAY,
        "host": HOST,
        "port": port,
        "root": ROOT,
        "asset": asset,
        "bundle": str(bundle.absolute()),
        "plugin": story.sensor,
    }
    return _CONFIG.format(
        **{key: _toml(value) for key, value in given.items()}, options=_table(story.options)
    )


def _table(options: Mapping[str, Any]) -> str:
    return "\n".join(f"{key} = {_toml(value)}" for key, value in options.items())


def _toml(value: object) -> str:
    """Spell a value as TOML, which is JSON but for tables and for characters beyond 16 bits."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
