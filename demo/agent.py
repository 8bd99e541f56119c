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

GATEWAY = "demo"
ROOT = "edge/v1"
_STOP_S = 60.0

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
features = {features}

[metrics]
enabled = false
{update}
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
class Gateway:
    """What an agent is told to watch.

    Attributes:
        asset: name of the machine.
        bundle: file that judges it, or ``line:NAME`` for what operators roll out.
        sensor: plugin.
        options: of the plugin.
        name: of the gateway.
        features: publish the vectors, too.
        enrolment: folder by which the operator knows the gateway; None: it takes no models.
    """

    asset: str
    bundle: str
    sensor: str
    options: Mapping[str, Any]
    name: str = GATEWAY
    features: bool = True
    enrolment: Path | None = None


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
def running_agent(gateway: Gateway, port: int, folder: Path, log: Path) -> Iterator[Agent]:
    """Run the agent of ``gateway``.

    Args:
        gateway: what it watches.
        port: of the broker.
        folder: where its configuration and its state go.
        log: what it says.

    Raises:
        DemoError: it cannot be started.
    """
    config = folder / "config.toml"
    config.write_text(_config(gateway, port), encoding="utf-8")
    arguments = [command("edge-agent"), "run", "--config", str(config)]
    with log.open("wb") as output, running(arguments, output) as process:
        yield Agent(process, log)


def _config(gateway: Gateway, port: int) -> str:
    given = {
        "gateway": gateway.name,
        "host": HOST,
        "port": port,
        "root": ROOT,
        "features": gateway.features,
        "asset": gateway.asset,
        "bundle": gateway.bundle,
        "plugin": gateway.sensor,
    }
    update = ""
    if gateway.enrolment is not None:
        update = f"\n[update]\nenrolment = {_toml(str(gateway.enrolment.absolute()))}\n"
    return _CONFIG.format(
        **{key: _toml(value) for key, value in given.items()},
        update=update,
        options=_table(gateway.options),
    )


def _table(options: Mapping[str, Any]) -> str:
    return "\n".join(f"{key} = {_toml(value)}" for key, value in options.items())


def _toml(value: object) -> str:
    """Spell a value as TOML, which is JSON but for tables and for characters beyond 16 bits."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
