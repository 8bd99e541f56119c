"""What the tests of the readers share: reading to the end, and being refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.plugin import Block
from edge_agent.recordings import Recording, RecordingError, RecordingOptions, open_recording

Samples = Callable[..., NDArray[np.float32]]
Refusal = Callable[..., str]


@pytest.fixture
def samples_of() -> Samples:
    """Read a path to the end: all samples of all blocks, one below the other."""

    def read(path: Path, **options: Any) -> NDArray[np.float32]:
        recording = open_recording(path, RecordingOptions(**options))
        blocks = list(recording.blocks())
        for block in blocks:
            check_block(recording, block)
        return np.concatenate([block.samples for block in blocks])

    return read


def check_block(recording: Recording, block: Block) -> None:
    """Hold a block against what its recording says about all of them."""
    assert block.samples.dtype == np.float32
    assert block.samples.flags.c_contiguous
    assert block.samples.shape[1] == len(recording.channels)
    assert block.channels == recording.channels
    assert block.rate_hz == recording.rate_hz
    assert block.unit == recording.unit
    if recording.burst_length is not None:
        assert len(block.samples) == recording.burst_length


@pytest.fixture
def refusal_of() -> Refusal:
    """Read a path that cannot be read; return the text of the error, which names the file."""

    def read(path: Path, **options: Any) -> str:
        with pytest.raises(RecordingError) as caught:
            list(open_recording(path, RecordingOptions(**options)).blocks())
        error = caught.value
        assert error.path == path or path in error.path.parents or error.path.parent == path.parent
        assert str(error) == f"{error.path}: {error.problem}"
        return str(error)

    return read
