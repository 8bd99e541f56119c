import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edge_agent.bundle.archive import ArchiveError, write_archive
from edge_agent.bundle.arrays import read_arrays, write_arrays

FLOATS = {"x": np.dtype("<f4")}
LIMIT = 100_000


def read(content: bytes, limit: int = LIMIT) -> NDArray[Any]:
    return read_arrays(content, FLOATS, limit)["x"]


def npy(header: str, body: bytes = b"", magic: bytes = b"\x93NUMPY\x01\x00") -> bytes:
    """An archive of one array with this header."""
    text = header.encode("latin-1")
    return write_archive({"x.npy": magic + len(text).to_bytes(2, "little") + text + body})


def said(shape: str, descr: str = "'<f4'", *, fortran: bool = False) -> str:
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


arrays = st.sampled_from(["<f4", "<f8", "<i8", "|b1"]).flatmap(
    lambda dtype: hnp.arrays(np.dtype(dtype), hnp.array_shapes(min_dims=0, min_side=0, max_side=5))
)


@given(array=arrays)
def test_arrays_survive_bit_for_bit(array: NDArray[Any]) -> None:
    found = read_arrays(write_arrays({"x": array}), {"x": array.dtype}, LIMIT)["x"]

    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()


def test_numpy_reads_what_is_written() -> None:
    array = np.arange(12.0).reshape(3, 4)

    with np.load(io.BytesIO(write_arrays({"x": array}))) as arrays:
        np.testing.assert_array_equal(arrays["x"], array)


def test_equal_arrays_give_equal_bytes_however_they_lie_in_memory() -> None:
    array = np.arange(12.0, dtype=np.float32).reshape(3, 4)

    assert write_arrays({"x": np.asfortranarray(array)}) == write_arrays({"x": array})
    assert write_arrays({"x": array[::-1]}) == write_arrays({"x": array[::-1].copy()})


@pytest.mark.parametrize(
    "header",
    [
        said("(10000000000,)"),
        said("(1000000, 1000000, 1000000)"),
        said("(3,)"),
        said("(-1,)"),
        said("(-1, -2)"),
        said("(2.0,)"),
        said("('2',)"),
        said("None"),
        said("2"),
        said("(0, 100000000000000000000000000)"),
        said("(" + "1, " * 200 + "2)"),
        said("(2,)", "'<f8'"),
        said("(2,)", "'>f4'"),
        said("(2,)", "'|O'"),
        said("(2,)", "[('a', '<f4')]"),
        said("(2,)", fortran=True),
        "{'descr': '<f4'}\n",
        "[]\n",
        "\n",
        "",
        "__import__('os').system('true')\n",
        "(" * 5000,
        "-" * 60000 + "1",
        "1" + "+1" * 30000,
        "[" * 90 + "]" * 90,
        "\0" * 100,
        "'" * 101,
    ],
    ids=lambda header: header[:60].strip(),
)
def test_a_header_that_claims_something_else_is_refused(header: str) -> None:
    with pytest.raises(ArchiveError, match="array 'x'"):
        read(npy(header, bytes(8)))


def test_the_header_these_tests_build_on_is_accepted() -> None:
    np.testing.assert_array_equal(read(npy(said("(2,)"), bytes(8))), [0, 0])


@pytest.mark.parametrize("magic", [b"\x93NUMPY\x02\x00", b"\x93NUMPX\x01\x00", b"\x80\x04\x95"])
def test_another_format_or_a_pickle_is_refused(magic: bytes) -> None:
    with pytest.raises(ArchiveError, match="array 'x'"):
        read(npy(said("(2,)"), bytes(8), magic))


def test_pickled_objects_are_refused_unread() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)

    with pytest.raises(ArchiveError, match=r"dtype '\|O'"):
        read(write_archive({"x.npy": buffer.getvalue()}))


def test_a_missing_or_an_extra_array_is_refused() -> None:
    one = np.zeros(2, np.float32)

    with pytest.raises(ArchiveError, match=r"'x\.npy' is missing"):
        read(write_arrays({}))
    with pytest.raises(ArchiveError, match=r"'y\.npy' found"):
        read(write_arrays({"x": one, "y": one}))


def test_arrays_over_the_limit_together_are_refused() -> None:
    two = {"x": np.zeros(15_000, np.float32), "y": np.zeros(15_000, np.float32)}
    dtypes = {name: array.dtype for name, array in two.items()}
    assert read_arrays(write_arrays(two), dtypes, 2 * LIMIT)

    with pytest.raises(ArchiveError, match="together"):
        read_arrays(write_arrays(two), dtypes, LIMIT)
