"""The probing process: ``python -m trainer.quantize.probe FOLDER RUNTIME``.

Each runtime is tried in a process of its own: two of them in one share symbols.
"""

import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.pipeline.runtime import Interpreter, load_interpreter, tensor_indices
from trainer.quantize.probe_folder import ProbeResult, read_probes, write_result


def main(folder: Path, runtime: str) -> None:
    """Run the probes from zero state, twice, and write what came out."""
    model, probes = read_probes(folder)
    interpreter = load_interpreter(model, runtime)
    outputs, call_s = _run(interpreter, probes)
    again, call_again_s = _run(interpreter, probes)
    result = ProbeResult(
        call_us=1e6 * float(np.median(np.concatenate((call_s, call_again_s)))),
        repeatable=np.array_equal(outputs, again),
    )
    write_result(folder, runtime, outputs, result)


def _run(
    interpreter: Interpreter, probes: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    inputs, outputs = tensor_indices(interpreter)
    shapes = {d["index"]: d["shape"] for d in interpreter.get_input_details()}
    state = np.zeros(shapes[inputs["s"]], dtype=np.float32) if "s" in inputs else None
    rows = []
    call_s = np.empty(len(probes))
    for number, probe in enumerate(probes):
        started = time.perf_counter()
        if state is None:
            # a fused layer would go on from the window before
            interpreter.reset_all_variables()
        else:
            interpreter.set_tensor(inputs["s"], state)
        interpreter.set_tensor(inputs["x"], probe[np.newaxis])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(outputs["y"])[0])
        if state is not None:
            state = interpreter.get_tensor(outputs["s_next"])
        call_s[number] = time.perf_counter() - started
    return np.array(rows, dtype=np.float32), call_s


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
