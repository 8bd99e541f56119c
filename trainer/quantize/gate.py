"""The gate: no model leaves the trainer that a gateway could not run as it was meant."""

import importlib.metadata
import tempfile
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.runtime import RUNTIMES, RuntimeMissingError, installed_runtime
from trainer.networks import FittedNetwork, predict_stream, predict_windows
from trainer.quantize.child import ChildError, run_child
from trainer.quantize.flatbuffer import ModelFacts, read_facts
from trainer.quantize.model import ExportedModel, Quantization, as_model_inputs
from trainer.quantize.probe_folder import read_result, write_probes

_TIMEOUT_S = 300.0
_MOST_STEPS = 1000
_MOST_WINDOWS = 200
# the oldest runtime that is supported, and the newest FULLY_CONNECTED it runs
_OLDEST_RUNTIME = (2, 14)
_NEWEST_FULLY_CONNECTED = 9
# Largest root mean square error against float32 arithmetic, relative to the spread of the
# outputs: about three times what these quantizations were measured to cost.
_LARGEST_ERROR: dict[Quantization, float] = {
    "float32": 1e-4,
    "float16": 2e-3,
    "dynamic": 0.05,
    "int8": 0.05,
}


class GateError(Exception):
    """The model may not be shipped; the message gives every reason."""


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """A runtime's outputs beside the float network's.

    Attributes:
        rmse: root mean square difference, in scaled units.
        error: the same relative to the standard deviation of the float network's outputs.
        largest: largest difference, in scaled units.
        call_us: median time of one call in microseconds, on the machine that exported.
    """

    rmse: float
    error: float
    largest: float
    call_us: float


class GateReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate found in a model that passed.

    Attributes:
        ops: the built-in operators in use, as ``NAME vVERSION``, and how often.
        min_runtime_version: of the file's metadata.
        runtimes: by runtime and version ``ok`` or ``not run: reason``.
        parity: by runtime and version, of those that ran.
        runtime_difference: largest difference between two runtimes' outputs, in scaled units;
            None where only one ran.
        n_probes: steps of the stream, or windows, that were run.
        size_bytes: of the file.
    """

    ops: tuple[str, ...]
    min_runtime_version: str
    runtimes: dict[str, str]
    parity: dict[str, Parity]
    runtime_difference: float | None
    n_probes: int
    size_bytes: int


def check_model(
    exported: ExportedModel, network: FittedNetwork, probes: NDArray[np.float32]
) -> GateReport:
    """Run the model as a gateway would, in every runtime that is installed.

    Args:
        exported: the model.
        network: the network that it came from.
        probes: float32 (n, F), consecutive vectors as the network will see them; for a window
            network also (n, L, F).

    Raises:
        GateError: an operator that is not built in or too new, a runtime that cannot run the
            model, runs it differently the second time or too far from the float network, or no
            runtime at all.
        ExportError: the probes have another shape.
    """
    most = _MOST_STEPS if exported.kind == "streaming" else _MOST_WINDOWS
    given = as_model_inputs(network, probes, most)
    facts = read_facts(exported.model)
    reasons = _file_problems(facts)
    expected = _float_outputs(network, given)
    runtimes: dict[str, str] = {}
    parity: dict[str, Parity] = {}
    outputs: list[NDArray[np.float32]] = []
    with tempfile.TemporaryDirectory(prefix="edge-trainer-") as name:
        folder = Path(name)
        write_probes(folder, exported.model, given)
        for distribution in RUNTIMES:
            label, missing = _label(distribution)
            if missing is not None:
                runtimes[label] = f"not run: {missing}"
                continue
            try:
                run_child(["-m", "trainer.quantize.probe", str(folder), distribution], _TIMEOUT_S)
            except ChildError as error:
                reasons.append(f"{label}: the process that ran the model {error}")
                continue
            result, found = read_result(folder, distribution)
            parity[label] = _compare(expected, result, found.call_us)
            reasons += _run_problems(label, exported, parity[label], given, expected)
            if not found.repeatable:
                reasons.append(f"{label}: run again from the start, the outputs differ")
            runtimes[label] = "ok"
            outputs.append(result)
    if not parity and not reasons:
        reasons.append("no runtime is installed: install the extra 'litert' or 'tflite'")
    if reasons:
        raise GateError(f"the {exported.quantization} model may not ship: " + "; ".join(reasons))
    return GateReport(
        ops=_counted(facts),
        min_runtime_version=facts.min_runtime_version,
        runtimes=runtimes,
        parity=parity,
        runtime_difference=_spread(outputs),
        n_probes=len(given),
        size_bytes=len(exported.model),
    )


def _file_problems(facts: ModelFacts) -> list[str]:
    reasons = [f"operator {name} is not built in" for name in sorted(set(facts.custom))]
    too_new = {v for n, v in facts.ops if n == "FULLY_CONNECTED" and v > _NEWEST_FULLY_CONNECTED}
    reasons += [
        f"FULLY_CONNECTED has version {version}; up to {_NEWEST_FULLY_CONNECTED} is allowed"
        for version in sorted(too_new)
    ]
    oldest = ".".join(str(part) for part in _OLDEST_RUNTIME)
    version = facts.min_runtime_version
    try:
        needed = tuple(int(part) for part in version.split(".")[:2])
    except ValueError:
        return [*reasons, f"the file says it needs runtime '{version}'; up to {oldest} is allowed"]
    if needed > _OLDEST_RUNTIME:
        reasons.append(f"the file needs runtime {version}; up to {oldest} is allowed")
    return reasons


def _label(distribution: str) -> tuple[str, str | None]:
    """Return the runtime with its version, and why it cannot run here."""
    try:
        installed_runtime(distribution)
        label = f"{distribution} {importlib.metadata.version(distribution)}"
    except RuntimeMissingError as error:
        return distribution, str(error)
    except importlib.metadata.PackageNotFoundError:
        return distribution, f"the distribution {distribution} is not installed"
    if distribution == "tflite-runtime" and int(np.__version__.split(".")[0]) > 1:
        return label, f"it needs numpy < 2; numpy {np.__version__} is installed"
    return label, None


def _float_outputs(network: FittedNetwork, given: NDArray[np.float32]) -> NDArray[np.float32]:
    if network.spec.form == "streaming":
        return predict_stream(network, given)[0]
    return predict_windows(network, given)


def _compare(expected: NDArray[np.float32], found: NDArray[np.float32], call_us: float) -> Parity:
    difference = found.astype(np.float64) - expected
    rmse = float(np.sqrt(np.mean(difference**2)))
    spread = float(expected.std())
    return Parity(
        rmse=rmse,
        # a constant output has no spread to measure by
        error=rmse / spread if spread > 0.0 else rmse,
        largest=float(np.abs(difference).max()),
        call_us=call_us,
    )


def _run_problems(
    label: str,
    exported: ExportedModel,
    parity: Parity,
    given: NDArray[np.float32],
    expected: NDArray[np.float32],
) -> list[str]:
    allowed = _LARGEST_ERROR[exported.quantization]
    # Inputs and outputs are scaled vectors. Where the network predicts next to nothing, its
    # outputs hardly vary, and an error that is small beside the inputs cannot move a score.
    spread = max(float(expected.std()), float(given.std()))
    if np.isfinite(parity.rmse) and parity.rmse <= allowed * spread:
        return []
    problem = (
        f"{label}: the error against float32 is {parity.rmse:.3g}; up to {allowed:g} of the "
        f"spread of {spread:.3g} is allowed"
    )
    return [problem]


def _spread(outputs: list[NDArray[np.float32]]) -> float | None:
    if len(outputs) < 2:  # noqa: PLR2004 - a difference needs two
        return None
    return float(np.ptp(np.stack(outputs), axis=0).max())


def _counted(facts: ModelFacts) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for name, version in facts.ops:
        label = f"{name} v{version}"
        counts[label] = counts.get(label, 0) + 1
    return tuple(f"{count} {label}" for label, count in counts.items())
