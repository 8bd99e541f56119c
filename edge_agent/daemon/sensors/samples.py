"""What the samples of a block have to be, in the agent and in the process of a sensor alike."""

import numpy as np
from numpy.typing import NDArray

from edge_agent.plugin import Block, SensorError

LARGEST_BYTES = 32 << 20  # of one block's samples; what is larger is a mistake
_AXES = 2


def check_samples(block: object, width: int) -> NDArray[np.float32]:
    """Return the samples of ``block``, which has ``width`` channels.

    Raises:
        SensorError: it is no block, or its samples are of another type, shape or size.
    """
    if not isinstance(block, Block):
        raise broken(type(block).__name__, "a Block, or None")
    samples: object = block.samples
    if (
        not isinstance(samples, np.ndarray)
        or samples.dtype != np.float32
        or samples.ndim != _AXES
        or samples.shape[1] != width
        or not len(samples)
    ):
        found = getattr(samples, "dtype", type(samples).__name__)
        shape = getattr(samples, "shape", "no shape")
        raise broken(f"samples of {found}, {shape}", f"float32, (n, {width})")
    if samples.nbytes > LARGEST_BYTES:
        raise broken(f"a block of {samples.nbytes} bytes", f"at most {LARGEST_BYTES}")
    return samples


def broken(found: str, allowed: str) -> SensorError:
    """Return the error of a plugin that delivered ``found`` where ``allowed`` was promised."""
    return SensorError(f"the plugin delivered {found}; allowed: {allowed}")
