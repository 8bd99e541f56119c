"""The fit in a process of its own: the same weights, and no end without a reason."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.fit import FitError, FitSpec, fit_in_child, fit_network
from trainer.networks import NetworkSpec

SPEC = NetworkSpec(
    family="forecaster", form="streaming", units=(8,), memory_alpha=0.05, output_bound=3.0
)
FIT = FitSpec(
    epochs=3,
    batch_size=4,
    learning_rate=0.01,
    sequence_length=16,
    washout=5,
    stateful=True,
    validation_share=0.25,
    patience=2,
    seed=5,
)
RUNS = [slice(0, 180), slice(190, 400)]


def test_a_child_fits_the_same_weights_bit_for_bit(
    elsewhere: Callable[..., Any], vectors: NDArray[np.float32]
) -> None:
    seen: list[tuple[int, int, float, float | None]] = []
    child = fit_in_child(SPEC, FIT, vectors, vectors, RUNS, lambda *epoch: seen.append(epoch))
    here = elsewhere(fit_network, SPEC, FIT, vectors, vectors, RUNS)
    assert child.history == here.history
    others = here.arrays()
    for name, array in child.arrays().items():
        np.testing.assert_array_equal(array, others[name])
    losses = zip(child.history.loss, child.history.val_loss, strict=True)
    assert seen == [(n, FIT.epochs, loss, val) for n, (loss, val) in enumerate(losses, 1)]


def test_what_is_wrong_with_the_data_crosses_the_process(vectors: NDArray[np.float32]) -> None:
    with pytest.raises(FitError, match="4 rows of inputs and 5 of targets"):
        fit_in_child(SPEC, FIT, vectors[:4], vectors[:5], [slice(0, 4)])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_child_is_an_error_naming_the_signal(
    tensorflow: None, vectors: NDArray[np.float32], number: signal.Signals
) -> None:
    endless = msgspec.structs.replace(FIT, epochs=10**6, patience=0, validation_share=0.0)
    before = _spawned()
    with ThreadPoolExecutor(1) as pool:
        fit = pool.submit(fit_in_child, SPEC, endless, vectors, vectors, RUNS)
        os.kill(_born(before), number)
        with pytest.raises(FitError, match=f"fits the network was killed by {number.name}"):
            fit.result()


def _born(before: set[int]) -> int:
    """Wait for a spawned child that was not there before and return its number."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if born := _spawned() - before:
            return born.pop()
        time.sleep(0.01)
    raise AssertionError("no process fits")


def _spawned() -> set[int]:
    found = set()
    for thread in Path("/proc/self/task").iterdir():
        for child in (thread / "children").read_text().split():
            # a child that has just ended has no command line any more
            with suppress(FileNotFoundError, ProcessLookupError):
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.add(int(child))
    return found
