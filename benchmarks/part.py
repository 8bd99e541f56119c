"""One part of the benchmarks, in a process of its own: prints a JSON list of figures.

    python -m benchmarks.part NAME FOLDER [--quick]

FOLDER holds what ``benchmarks.bundles`` writes. The process imports nothing that its part does not
need, so that it shares no memory with an agent whose memory it measures.
"""

import importlib
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from benchmarks.figure import Figure, NotRun

PARTS = ("features", "model_step", "whole_path", "start", "memory", "latency")
# In the order in which the agent looks for them.
RUNTIMES = ("tflite-runtime", "ai-edge-litert")


def environment() -> str:
    """Name this environment's interpreter of models, as the agent chooses it, and its numpy."""
    for name in RUNTIMES:
        try:
            return f"{name} {version(name)}, numpy {version('numpy')}"
        except PackageNotFoundError:
            continue
    return f"no TFLite runtime, numpy {version('numpy')}"


def run(name: str, folder: Path, *, quick: bool) -> list[Figure] | NotRun:
    """Measure one part."""
    from benchmarks.broker import NoBrokerError

    measure: Callable[..., list[Figure]] = importlib.import_module(f"benchmarks.{name}").measure
    try:
        found = measure(folder, quick=quick)
    except NoBrokerError as error:
        return NotRun(name, str(error))
    here = environment()
    return [msgspec.structs.replace(figure, environment=here) for figure in found]


if __name__ == "__main__":
    part, where, *options = sys.argv[1:]
    sys.stdout.buffer.write(msgspec.json.encode(run(part, Path(where), quick="--quick" in options)))
