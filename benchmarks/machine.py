"""What the benchmarks run on."""

import os
import platform
from pathlib import Path

from benchmarks.figure import Machine


def load() -> float:
    """Processes that wanted to run, the mean of the last minute."""
    return round(os.getloadavg()[0], 2)


def machine(load_before: float) -> Machine:
    """Describe this machine."""
    return Machine(
        processor=f"{_processor()} ({platform.machine()})",
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        load_before=load_before,
        load_after=load(),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model"):
            return value.strip()
    return "unknown"
