"""Decoding is the inverse of packing, whatever the layout."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from edge_sensor_iio.scan import ScanElement, ScanLayout, ScanType, ScanTypeError
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.testing import IioElement, IioTree


@st.composite
def scan_types(draw: st.DrawFn) -> str:
    storage = draw(st.sampled_from([8, 16, 32, 64]))
    real = draw(st.integers(1, storage))
    shift = draw(st.integers(0, storage - real))
    repeat = draw(st.sampled_from([1, 1, 1, 2, 4]))
    endian, sign = draw(st.sampled_from(["be", "le"])), draw(st.sampled_from("su"))
    times = f"X{repeat}" if repeat > 1 else ""
    return f"{endian}:{sign}{real}/{storage}{times}>>{shift}"


@settings(max_examples=120, deadline=None)
@given(data=st.data(), texts=st.lists(scan_types(), min_size=1, max_size=5))
def test_what_was_packed_is_decoded(data: st.DataObject, texts: list[str]) -> None:
    kinds = {f"voltage{i}": ScanType.parse(text) for i, text in enumerate(texts)}
    # Indices with holes: the order counts, not the number.
    elements = [IioElement(f"voltage{i}", 3 * i + 1, text) for i, text in enumerate(texts)]
    rows = []
    for _ in range(data.draw(st.integers(1, 3))):
        row = {}
        for name, kind in kinds.items():
            low = -(1 << (kind.real_bits - 1)) if kind.signed else 0
            high = (1 << (kind.real_bits - kind.signed)) - 1
            row[name] = data.draw(
                st.lists(st.integers(low, high), min_size=kind.repeat, max_size=kind.repeat)
            )
        rows.append(row)
    with tempfile.TemporaryDirectory() as folder:
        tree = IioTree(Path(folder), elements, timestamp=False)
        for element in elements:
            tree.put(f"scan_elements/in_{element.name}_en", "1")
        scans = b"".join(tree.pack(row) for row in rows)
        tree.close()
    layout = ScanLayout(ScanElement(e.name, e.index, kinds[e.name]) for e in elements)
    assert layout.scan_bytes * len(rows) == len(scans)
    for name in kinds:
        assert layout.decode(scans, name).tolist() == [row[name] for row in rows]


def test_a_scan_type_is_parsed() -> None:
    assert ScanType.parse("be:u12/16X2>>4") == ScanType(
        big_endian=True, signed=False, real_bits=12, storage_bits=16, repeat=2, shift=4
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s16/16>>0",
        "le:s16/16",
        "le:f32/32>>0",
        "le:s16/24>>0",
        "le:s17/16>>0",
        "le:s12/16>>5",
        "le:s0/16>>0",
        "le:s16/16X0>>0",
        "le:s16/16X3>>0",
        "le:s16/16>>0 ",
    ],
)
def test_what_is_no_scan_type_is_refused_with_what_was_found(text: str) -> None:
    with pytest.raises(ScanTypeError, match=r"found .*(want|stored)"):
        ScanType.parse(text)


@given(st.text(alphabet="belsu:0123456789/X>", max_size=16))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        kind = ScanType.parse(text)
    except ScanTypeError:
        return
    assert kind.real_bits + kind.shift <= kind.storage_bits


def test_part_of_a_scan_is_refused() -> None:
    layout = ScanLayout([ScanElement("accel_x", 0, ScanType.parse("le:s16/16>>0"))])
    with pytest.raises(ValueError, match="found 3 bytes, want a multiple of 2"):
        layout.decode(b"123", "accel_x")


def test_decoding_keeps_the_width_of_the_storage() -> None:
    layout = ScanLayout([ScanElement("accel_x", 0, ScanType.parse("be:s12/16>>4"))])
    assert layout.decode(b"\x80\x0f\x7f\xf0", "accel_x").dtype == np.int16
