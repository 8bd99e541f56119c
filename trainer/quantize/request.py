"""The folder through which a network goes to the converting process and models come back."""

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.networks import FitHistory, FittedNetwork, LayerWeights, NetworkSpec
from trainer.quantize.model import Quantization

_REQUEST = "request.json"
_ARRAYS = "arrays.npz"
_REPRESENTATIVE = "representative"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be converted; the arrays lie beside it."""

    spec: NetworkSpec
    n_inputs: int
    n_outputs: int
    quantizations: tuple[Quantization, ...]


def write_request(
    folder: Path,
    network: FittedNetwork,
    quantizations: tuple[Quantization, ...],
    representative: NDArray[np.float32] | None,
) -> None:
    """Write everything that the converting process needs."""
    request = Request(
        spec=network.spec,
        n_inputs=network.n_inputs,
        n_outputs=network.n_outputs,
        quantizations=quantizations,
    )
    (folder / _REQUEST).write_bytes(msgspec.json.encode(request))
    arrays = network.arrays()
    if representative is not None:
        arrays[_REPRESENTATIVE] = representative
    with (folder / _ARRAYS).open("wb") as file:
        np.savez(file, **arrays)


def read_request(folder: Path) -> tuple[Request, FittedNetwork, NDArray[np.float32] | None]:
    """Read what ``write_request`` wrote."""
    request = msgspec.json.decode((folder / _REQUEST).read_bytes(), type=Request)
    with np.load(folder / _ARRAYS) as file:
        arrays = {name: file[name] for name in file.files}
    layers = tuple(
        LayerWeights(
            arrays[f"layer{number}_kernel"],
            arrays[f"layer{number}_recurrent"],
            arrays[f"layer{number}_bias"],
        )
        for number in range(len(request.spec.layer_units) * request.spec.directions)
    )
    network = FittedNetwork(
        spec=request.spec,
        n_inputs=request.n_inputs,
        n_outputs=request.n_outputs,
        layers=layers,
        head_kernel=arrays["head_kernel"],
        head_bias=arrays["head_bias"],
        history=FitHistory(loss=(), val_loss=(), best_epoch=0),
        seconds=0.0,
    )
    return request, network, arrays.get(_REPRESENTATIVE)


def model_path(folder: Path, quantization: Quantization) -> Path:
    """Return where the converted model of this quantization is written."""
    return folder / f"{quantization}.tflite"
