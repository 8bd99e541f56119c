"""Memory of the real agent with one asset and with many on the same bundle.

PSS counts memory that several processes share in parts. Other Python programs on the machine
make it look smaller, so the resident size, which counts all of it, is given as well.
"""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks import daemon
from benchmarks.broker import running_broker
from benchmarks.figure import Comparison, Figure, Goal, Reference, figure

ONE_GOAL = Goal(kind="at_most", wanted=60.0, aim=50.0)
FURTHER_GOAL = Goal(kind="at_most", wanted=1.0)
MANY = 50

_MB = 1024.0  # the kernel counts in KiB
_BARE = "import numpy, time; print(numpy.ones(9).sum(), flush=True); time.sleep(60)"
_HEAVY = ("tensorflow", "scipy", "pandas", "matplotlib", "keras", "pyarrow")


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Measure the agent after some seconds of work."""
    bundle = folder / f"{daemon.LENGTH}x1.edgemodel"
    bare = _bare_mb()
    with running_broker(folder) as port:
        one, heavy = _agent_mb(folder / "one", bundle, port, 1, quick=quick)
        many, _ = _agent_mb(folder / "many", bundle, port, MANY, quick=quick)
    return [
        figure
        for i, size in enumerate(("pss", "rss"))
        for figure in _figures(size, bare[i], one[i], many[i], heavy)
    ]


def _figures(size: str, bare: float, one: float, many: float, heavy: str) -> list[Figure]:
    further = (many - one) / (MANY - 1)
    return [
        figure(
            f"memory_one_asset_{size}",
            f"{size.upper()} of the agent with one asset, {daemon.LENGTH} samples a second",
            "MB",
            Comparison(
                (one,),
                (Reference(what="python with numpy imported", value=bare, ratio=bare / one),),
            ),
            ONE_GOAL,
            {"heavy_libraries": heavy or "none"},
        ),
        figure(
            f"memory_further_asset_{size}",
            f"{size.upper()} for each further asset on the same bundle, from 1 to {MANY} assets",
            "MB",
            Comparison(
                (further,),
                (Reference(what="an agent for each asset", value=one, ratio=one / further),),
            ),
            FURTHER_GOAL,
            {f"{size}_of_{MANY}_mb": many},
        ),
    ]


def _agent_mb(
    folder: Path, bundle: Path, port: int, assets: int, *, quick: bool
) -> tuple[tuple[float, float], str]:
    """Return PSS and RSS, and the names of libraries that have no place in the agent."""
    config = daemon.write_config(folder, bundle, port, assets)
    with daemon.running_agent(config) as process:
        daemon.wait_until_scored(config, process, assets)
        time.sleep(0.0 if quick else 20.0)
        mapped = Path(f"/proc/{process.pid}/maps").read_text()
        heavy = [name for name in _HEAVY if f"/{name}/" in mapped]
        return process_mb(process.pid), ", ".join(heavy)


def _bare_mb() -> tuple[float, float]:
    with subprocess.Popen([sys.executable, "-c", _BARE], stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is not None:
                process.stdout.readline()
            return process_mb(process.pid)
        finally:
            process.kill()


def process_mb(pid: int) -> tuple[float, float]:
    """Return PSS and RSS from the kernel's sums over all mappings."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: float(line.split()[1]) / _MB for line in lines}
    return sizes["Pss"], sizes["Rss"]
