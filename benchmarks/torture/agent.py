"""The real agent as a process, with many assets on the sensor ``torture``."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.torture.samples import RATE_HZ, small_bundle
from benchmarks.torture.scenario import TortureError

GATEWAY = "torture"
ROOT = "edge/v1"

_PLUGIN = Path(__file__).parent / "plugin"
_MB = 1024.0  # the kernel counts in KiB
_PATIENCE_S = 200.0  # a busy machine starts slowly
_LAST_LINES = 3

_HEAD = """\
gateway = "{gateway}"
state_dir = "{state}"
{head}
[mqtt]
port = {port}
root = "{root}"
[metrics]
enabled = false
"""
_ASSET = """
[[asset]]
name = "{name}"
bundle = "{bundle}"
[asset.sensor]
plugin = "torture"
{sensor}
[asset.sensor.options]
{options}
"""

Options = Mapping[str, float | str | None]


def asset_names(count: int) -> list[str]:
    """Return names for ``count`` assets."""
    return [f"asset-{number:02}" for number in range(count)]


def wait_until(condition: Callable[[], object], timeout_s: float) -> bool:
    """Wait for ``condition``; return whether it came about."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.05)
    return True


class Agent:
    """``edge-agent run`` in a folder of its own; can be killed and started again."""

    def __init__(
        self, folder: Path, port: int, *, rate_hz: float = RATE_HZ, period_s: float | None = None
    ) -> None:
        """Prepare the folder for a broker at ``port``, and a bundle for windows of 256 samples.

        Args:
            folder: for configuration, state and log.
            port: of the broker.
            rate_hz: of the samples.
            period_s: seconds from window to window; None: one follows the other.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.state = folder / "state"
        self.log = folder / "agent.log"
        self.bundle = folder / "small.edgemodel"
        self.bundle.write_bytes(small_bundle(rate_hz, period_s))
        self._run = folder / "run"
        self._run.mkdir(exist_ok=True)
        self.environment = {
            "PYTHONPATH": os.pathsep.join([str(_PLUGIN), *sys.path]),
            "RUNTIME_DIRECTORY": str(self._run),  # the state directory may be a disk that is full
        }
        self.wrapper: Sequence[str] = ()
        self._port = port
        self._given: dict[str, float] = {"rate_hz": rate_hz}
        if period_s is not None:
            self._given["period_s"] = period_s
        self._tables: list[str] = []
        self._head = ""
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self, head: str) -> None:
        """Say ``head``, TOML, before all else; the assets are to be named again."""
        self._head = head
        self._tables.clear()

    def watch(
        self, name: str, *, bundle: Path | None = None, sensor: str = "", **options: float | str
    ) -> None:
        """Add an asset; ``bundle`` is its own, ``sensor`` is TOML for the table of that name."""
        stated = self._given | options
        lines = [f"{key} = {json.dumps(value)}" for key, value in stated.items()]
        self._tables.append(
            _ASSET.format(
                name=name,
                bundle=bundle or self.bundle,
                sensor=sensor,
                options="\n".join(lines),
            )
        )

    @property
    def config(self) -> Path:
        """The configuration's file."""
        return self.folder / "config.toml"

    def write_config(self) -> None:
        """Write the configuration, for ``start`` or for an agent that is told to read it again."""
        head = _HEAD.format(
            gateway=GATEWAY, state=self.state, port=self._port, root=ROOT, head=self._head
        )
        self.config.write_text(head + "".join(self._tables))

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def start(self) -> None:
        """Write the configuration and start."""
        self.write_config()
        command = [*self.wrapper, sys.executable, "-m", "edge_agent.cli.agent"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "run", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,  # no terminal: a hangup is to be a reload
            )

    @property
    def pid(self) -> int:
        """Of the process."""
        if self.process is None:
            raise TortureError("the agent was not started")
        return self.process.pid

    @property
    def ended(self) -> int | None:
        """Its exit code, None while it runs."""
        return None if self.process is None else self.process.poll()

    def kill(self) -> None:
        """End it as a power switch would, where it has not ended by itself."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """Let it end in order; return the exit code."""
        if self.process is None or self.process.poll() is not None:
            raise self.failure("it has ended by itself")
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self.failure("it does not end") from None

    def report(self) -> dict[str, Any]:
        """Return the status that the running agent writes; empty before the first."""
        try:
            said: dict[str, Any] = json.loads((self._run / "status.json").read_bytes())
        except FileNotFoundError:
            return {}
        return said if said["pid"] == self.pid else {}

    def wait_until_scored(self, assets: Sequence[str], count: int = 1) -> None:
        """Wait until each of ``assets`` has ``count`` windows. Raises TortureError."""

        def scored() -> bool:
            if self.ended is not None:
                raise self.failure("it ended")
            windows = {a["name"]: a["windows"] for a in self.report().get("assets", ())}
            return all(windows.get(name, 0) >= count for name in assets)

        if not wait_until(scored, _PATIENCE_S):
            raise self.failure(f"not every asset has {count} windows")

    def failure(self, what: str) -> TortureError:
        """Return what went wrong, with the agent's last words."""
        return TortureError(f"{what}: {' | '.join(self.said()[-_LAST_LINES:])}")

    def said(self) -> list[str]:
        """Return the lines of its log."""
        return self.log.read_text(errors="replace").strip().splitlines()


class Memory(NamedTuple):
    """Memory of a process, and its share of what it has in common with others, in MB.

    Attributes:
        pss_mb: all of it. Libraries count less while other programs use them too.
        own_mb: without files that are mapped: all that can leak, whoever else runs.
    """

    pss_mb: float
    own_mb: float


def memory(pid: int) -> Memory:
    """Return what the kernel says of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) / _MB for line in lines}
    return Memory(sizes["Pss"], sizes["Pss_Anon"] + sizes["Pss_Shmem"])


def open_files(pid: int) -> int:
    """Return the number of file descriptors of a process."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def threads(pid: int) -> int:
    """Return the number of threads of a process."""
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
