"""What a network with a slow memory is fitted to: what the memory alone would get wrong."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.fit.batches import FitError
from trainer.networks import remember

Rows = NDArray[np.float32]


def with_memory(
    alpha: float, inputs: Rows, targets: Rows, segments: Sequence[slice]
) -> tuple[Rows, Rows]:
    """Return inputs beside their memory, (n, 2F), and targets less the memory before them, (n, F).

    The memory starts from zero in each segment, as the network does.

    Raises:
        FitError: inputs and targets are not the same features.
    """
    if inputs.shape != targets.shape:
        raise FitError(
            f"a network with a memory predicts its {inputs.shape[1]} inputs; "
            f"{targets.shape[1]} targets are found"
        )
    memory, before = np.zeros_like(inputs), np.zeros_like(inputs)
    for segment in segments:
        now = np.zeros((1, inputs.shape[1]), dtype=np.float32)
        for row in range(*segment.indices(len(inputs))):
            before[row] = now
            now = remember(now, inputs[row : row + 1], alpha)
            memory[row] = now
    return np.concatenate((inputs, memory), axis=1), targets - before
