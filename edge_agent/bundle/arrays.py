"""Named arrays in a deterministic .npz, read without trusting what its headers claim."""

import ast
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.bundle.archive import ArchiveError, read_archive, write_archive

_MAGIC = b"\x93NUMPY\x01\x00"
_LONGEST_HEADER = 1000  # bytes; numpy writes 118, and parsing much more may exhaust the stack


def write_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return an .npz that numpy.load reads; equal arrays give equal bytes."""
    members = {}
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.asarray(array, order="C"), version=(1, 0))
        members[f"{name}.npy"] = buffer.getvalue()
    return write_archive(members)


def read_arrays(
    content: bytes, dtypes: Mapping[str, np.dtype[Any]], limit: int
) -> dict[str, NDArray[Any]]:
    """Return the arrays of ``dtypes`` and no others.

    Raises:
        ArchiveError: another member, dtype or size than stated, or more than ``limit`` bytes.
    """
    names = {f"{name}.npy": limit for name in dtypes}
    members = read_archive(content, names, set(names), limit=limit)
    return {name: _array(name, members[f"{name}.npy"], dtype) for name, dtype in dtypes.items()}


def _array(name: str, content: bytes, dtype: np.dtype[Any]) -> NDArray[Any]:
    length = int.from_bytes(content[8:10], "little")
    if not content.startswith(_MAGIC) or length > _LONGEST_HEADER:
        raise ArchiveError(f"array {name!r} begins with {content[:10]!r}, allowed: npy 1.0")
    try:
        header = ast.literal_eval(content[10 : 10 + length].decode("latin-1"))
        shape, found = tuple(header["shape"]), header["descr"]
        fortran = header["fortran_order"]
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError) as error:
        raise ArchiveError(f"array {name!r} has a damaged header") from error
    if found != dtype.str or fortran:
        raise ArchiveError(
            f"array {name!r} has dtype {found!r} in {'Fortran' if fortran else 'C'} order,"
            f" allowed: {dtype.str!r} in C order"
        )
    body = content[10 + length :]
    if any(not isinstance(n, int) or n < 0 for n in shape) or len(body) != size:
        raise ArchiveError(
            f"array {name!r} of shape {shape} has {len(body)} bytes, allowed: {size}"
        )
    try:
        return np.frombuffer(body, dtype=dtype).reshape(shape)
    except ValueError as error:  # more axes than numpy has, or one longer than memory
        raise ArchiveError(f"array {name!r} has the shape {shape}, which cannot be") from error
