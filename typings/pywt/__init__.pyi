"""What is used of PyWavelets."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from numpy.typing import ArrayLike, NDArray

class Wavelet:
    dec_len: int
    rec_len: int
    dec_lo: list[float]
    dec_hi: list[float]
    rec_lo: list[float]
    rec_hi: list[float]
    name: str
    def __init__(self, name: str) -> None: ...

class Node:
    data: NDArray[Any]
    path: str
    level: int

class WaveletPacket(Node):
    maxlevel: int
    def __init__(
        self,
        data: ArrayLike | None,
        wavelet: Wavelet | str,
        mode: str = "symmetric",
        maxlevel: int | None = None,
        axis: int = -1,
    ) -> None: ...
    def __getitem__(self, path: str) -> Node: ...
    def get_level(
        self, level: int, order: Literal["natural", "freq"] = "natural", decompose: bool = True
    ) -> list[Node]: ...
    def __iter__(self) -> Iterator[Node]: ...

def dwt(
    data: ArrayLike, wavelet: Wavelet | str, mode: str = "symmetric", axis: int = -1
) -> tuple[NDArray[Any], NDArray[Any]]: ...
def idwt(
    cA: ArrayLike | None,
    cD: ArrayLike | None,
    wavelet: Wavelet | str,
    mode: str = "symmetric",
    axis: int = -1,
) -> NDArray[Any]: ...
def wavedec(
    data: ArrayLike,
    wavelet: Wavelet | str,
    mode: str = "symmetric",
    level: int | None = None,
    axis: int = -1,
) -> list[NDArray[Any]]: ...
def waverec(
    coeffs: Sequence[ArrayLike | None],
    wavelet: Wavelet | str,
    mode: str = "symmetric",
    axis: int = -1,
) -> NDArray[Any]: ...
def threshold(
    data: ArrayLike, value: ArrayLike, mode: str = "soft", substitute: float = 0
) -> NDArray[Any]: ...
def dwt_max_level(data_len: int, filter_len: int | Wavelet | str) -> int: ...
