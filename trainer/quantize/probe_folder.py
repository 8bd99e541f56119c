"""The folder through which a model goes to the probing process and its outputs come back."""

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

_MODEL = "model.tflite"
_PROBES = "probes.npy"


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the runtime made of the model; the outputs lie beside it.

    Attributes:
        call_us: median time of one call in microseconds, its copies in and out included.
        repeatable: run again from the start, the outputs are equal bit for bit.
    """

    call_us: float
    repeatable: bool


def write_probes(folder: Path, model: bytes, probes: NDArray[np.float32]) -> None:
    """Write what the process needs."""
    (folder / _MODEL).write_bytes(model)
    np.save(folder / _PROBES, probes)


def read_probes(folder: Path) -> tuple[bytes, NDArray[np.float32]]:
    """Read the model and the probes."""
    return (folder / _MODEL).read_bytes(), np.load(folder / _PROBES)


def write_result(
    folder: Path, runtime: str, outputs: NDArray[np.float32], result: ProbeResult
) -> None:
    """Write what a runtime made of them."""
    np.save(folder / f"{runtime}.npy", outputs)
    (folder / f"{runtime}.json").write_bytes(msgspec.json.encode(result))


def read_result(folder: Path, runtime: str) -> tuple[NDArray[np.float32], ProbeResult]:
    """Read what a runtime made of them."""
    result = msgspec.json.decode((folder / f"{runtime}.json").read_bytes(), type=ProbeResult)
    return np.load(folder / f"{runtime}.npy"), result
