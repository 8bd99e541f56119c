"""An exported model, and what can go wrong on the way to it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainer.networks import FittedNetwork

Quantization = Literal["float32", "float16", "dynamic", "int8"]


class ExportError(Exception):
    """The network cannot be exported; the message says what was asked and what is allowed."""


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """A TFLite model and how to call it.

    A streaming model has one signature: x (1, F), s (1, S) -> y (1, O), s_next (1, S), the state
    packed as h1, c1, h2, c2, ... (LSTM) or h1, h2, ... (GRU), then the memory if there is
    one, zero at the start. A window model has
    x (1, L, F) -> y (1, O), or (1, rows, O) where there is a decoder; its variables must be
    reset before each call. A forecaster of quantiles has (1, quantiles * O) instead of
    (1, O). All are float32 in every quantization.

    Attributes:
        model: the file.
        kind: ``streaming`` or ``window``.
        quantization: how it was exported.
        n_inputs: F.
        n_outputs: O.
        state_size: S; 0 for a window model.
        window_length: L; 1 for a streaming model.
        int8_weights: how many numbers are stored in 8 bits.
    """

    model: bytes
    kind: Literal["streaming", "window"]
    quantization: Quantization
    n_inputs: int
    n_outputs: int
    state_size: int
    window_length: int
    int8_weights: int


def as_model_inputs(
    network: FittedNetwork, given: NDArray[np.float32], most: int
) -> NDArray[np.float32]:
    """Return ``given`` as the network takes it.

    Args:
        network: whose inputs they are.
        given: float32 (n, F), consecutive vectors; for a window network also (n, L, F).
        most: how many to return at most: the first ones of a stream, evenly spread windows.

    Returns:
        float32 (n, F) for a streaming network, (n, L, F) for a window network.

    Raises:
        ExportError: another shape, or not one whole window.
    """
    length = network.spec.window_length
    window = network.spec.form == "window"
    allowed = (2, 3) if window else (2,)
    right_window = given.ndim != max(allowed) or not window or given.shape[1] == length
    if given.ndim not in allowed or given.shape[-1] != network.n_inputs or not right_window:
        shapes = f"(n, {network.n_inputs})"
        if window:
            shapes += f" or (n, {length}, {network.n_inputs})"
        raise ExportError(f"inputs have the shape {given.shape}; {shapes} is allowed")
    if window and given.ndim != max(allowed):
        if len(given) < length:
            raise ExportError(f"{len(given)} vectors hold no window of {length}")
        views = np.lib.stride_tricks.sliding_window_view(given, length, axis=0)
        given = views.transpose(0, 2, 1)
    if len(given) == 0:
        raise ExportError("there are no inputs; at least one is needed")
    if len(given) > most:
        chosen = np.linspace(0, len(given) - 1, most).astype(int) if window else slice(most)
        given = given[chosen]
    return np.ascontiguousarray(given, dtype=np.float32)
