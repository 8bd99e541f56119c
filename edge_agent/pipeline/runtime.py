"""The one place that knows the two TFLite runtimes; their interpreters have the same interface."""

import importlib
import warnings
from importlib.util import find_spec
from typing import Any, Protocol

from numpy.typing import NDArray

RUNTIMES = {
    "tflite-runtime": "tflite_runtime.interpreter",
    "ai-edge-litert": "ai_edge_litert.interpreter",
}


_IDENTIFIER = b"TFL3"  # of the file format, at its fifth byte


class RuntimeMissingError(RuntimeError):
    """No TFLite runtime is installed, or not the one asked for."""


class Interpreter(Protocol):
    """What is used of a TFLite interpreter."""

    def allocate_tensors(self) -> None:
        """Set memory aside; once, before anything else."""

    def invoke(self) -> None:
        """Compute the outputs from the inputs."""

    def reset_all_variables(self) -> None:
        """Set the state kept in variable tensors to zero."""

    def set_tensor(self, tensor_index: int, value: NDArray[Any]) -> None:
        """Copy ``value`` to an input."""

    def get_tensor(self, tensor_index: int) -> NDArray[Any]:
        """Return a copy of an output."""

    def get_input_details(self) -> list[dict[str, Any]]:
        """Return index, shape, dtype of each input."""

    def get_output_details(self) -> list[dict[str, Any]]:
        """Return index, shape, dtype of each output."""

    def get_signature_list(self) -> dict[str, dict[str, list[str]]]:
        """Return the names of inputs and outputs by signature."""

    def get_signature_runner(self, signature_key: str | None = None) -> Any:  # noqa: ANN401
        """Return what resolves a signature's names."""


def installed_runtime(asked: str | None = None) -> str:
    """Return the runtime's distribution name: ``asked``, or the lighter one that is installed.

    Raises:
        RuntimeMissingError: it is not installed; the message names the extras.
    """
    for name, module in RUNTIMES.items():
        if asked in (None, name) and find_spec(module.split(".")[0]) is not None:
            return name
    wanted = asked or "a TFLite runtime"
    raise RuntimeMissingError(
        f"{wanted} is not installed; install the extra 'tflite' (Python 3.11, numpy < 2)"
        " or 'litert', e.g. pip install 'edge-agent[litert]'"
    )


def load_interpreter(model: bytes, runtime: str | None = None) -> Interpreter:
    """Return an interpreter of ``model`` with one thread and its tensors allocated.

    Raises:
        RuntimeMissingError: no runtime is installed.
        ValueError: the model is not a TFLite file this runtime can read or prepare. Bytes that
            only begin like one end the process under tflite-runtime, which does not verify what
            it reads: ``model`` must come from somebody trusted, in the condition it was sent.
    """
    if model[4:8] != _IDENTIFIER:
        raise ValueError(
            f"the model cannot be loaded: it begins with {model[:8]!r}, no TFLite file"
        )
    module = RUNTIMES[installed_runtime(runtime)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both wheels warn of their own build tools on import
        interpreter_class = importlib.import_module(module).Interpreter
    try:
        interpreter: Interpreter = interpreter_class(model_content=model, num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"the model cannot be loaded by {module}: {error}") from error
    return interpreter


def tensor_indices(interpreter: Interpreter) -> tuple[dict[str, int], dict[str, int]]:
    """Return input and output tensor indices by signature name.

    The order of tensors in the file is not that of the signature, and a live signature runner
    makes ``invoke`` fail: the names are resolved once and the runner is dropped.

    Raises:
        ValueError: the model has no signature, or several.
    """
    keys = list(interpreter.get_signature_list())
    if len(keys) != 1:
        raise ValueError(f"the model has {len(keys)} signatures, allowed: one")
    runner = interpreter.get_signature_runner(keys[0])
    inputs = {name: int(d["index"]) for name, d in runner.get_input_details().items()}
    outputs = {name: int(d["index"]) for name, d in runner.get_output_details().items()}
    del runner
    return inputs, outputs
