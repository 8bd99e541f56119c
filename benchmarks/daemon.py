"""The real agent as a process, watching simulated machines.

Imports nothing that the agent imports: memory that two processes share would count half.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LENGTH = 4096
GATEWAY = "bench"
ROOT = "edge/v1"

_PATIENCE_S = 120.0

_HEAD = """\
gateway = "{gateway}"
state_dir = "{state}"
[mqtt]
port = {port}
root = "{root}"
"""
_ASSET = """
[[asset]]
name = "asset-{number}"
bundle = "{bundle}"
[asset.sensor]
plugin = "simulated"
[asset.sensor.options]
rate_hz = {length}
length = {length}
phase_s = {phase_s:.4f}
aligned = true
speedup = {speedup}
seed = {number}
"""


class AgentFailedError(Exception):
    """The agent did not do what is measured; the message holds what it said."""


def write_config(
    folder: Path,
    bundle: Path | str,
    port: int,
    assets: int,
    *,
    speedup: float = 1.0,
    more: str = "",
) -> Path:
    """Write a configuration to ``folder`` and return its path.

    Args:
        folder: for the configuration and the agent's state.
        bundle: for windows of 4096 samples of one channel, one a second.
        port: of the broker.
        assets: how many, their windows evenly spread over the second.
        speedup: seconds of simulated time per second; 0: blocks come at once.
        more: further tables, TOML.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = [
        _ASSET.format(
            number=number,
            bundle=bundle,
            length=LENGTH,
            phase_s=number / assets,
            speedup=speedup,
        )
        for number in range(assets)
    ]
    head = _HEAD.format(gateway=GATEWAY, state=folder / "state", port=port, root=ROOT)
    config = folder / "config.toml"
    config.write_text(head + more + "".join(tables))
    return config


@contextmanager
def running_agent(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``edge-agent run`` of this environment; stop it at the end."""
    program = Path(sys.executable).with_name("edge-agent")
    with (config.parent / "agent.log").open("wb") as log:
        process = subprocess.Popen(
            [str(program), "run", "--config", str(config)], stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def failure(config: Path, what: str) -> AgentFailedError:
    """Return what went wrong with the agent's own last words."""
    said = (config.parent / "agent.log").read_text(errors="replace").strip().splitlines()
    return AgentFailedError(f"{what}: {' | '.join(said[-3:]) or 'it said nothing'}")


def wait_until_scored(config: Path, process: subprocess.Popen[bytes], assets: int) -> None:
    """Wait until every asset has cut a window, by the agent's own status file.

    Raises:
        AgentFailedError: it takes too long, or the agent has ended.
    """
    status = config.parent / "state" / "status.json"
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s and process.poll() is None:
        if status.is_file():
            report = json.loads(status.read_bytes())
            if sum(asset["windows"] > 0 for asset in report["assets"]) == assets:
                return
        time.sleep(0.1)
    raise failure(config, "not every asset was scored")
