"""The simulated device packs scans as the kernel documents it, byte for byte."""

import os
from pathlib import Path

import numpy as np
import pytest

from edge_agent.testing import IioElement, IioTree


def tree(folder: Path, *types: str, timestamp: bool = True) -> IioTree:
    elements = [IioElement(f"voltage{i}", i, kind) for i, kind in enumerate(types)]
    made = IioTree(folder, elements, timestamp=timestamp)
    for file in made.device.glob("scan_elements/*_en"):
        made.put(f"scan_elements/{file.name}", "1")
    return made


@pytest.mark.parametrize(
    ("types", "values", "scan"),
    [
        (("le:s16/16>>0",), {"voltage0": [-2]}, "feff"),
        (("be:s16/16>>0",), {"voltage0": [-2]}, "fffe"),
        (("be:u12/16>>4",), {"voltage0": [0xABC]}, "abcf"),
        (("le:u12/16>>4",), {"voltage0": [0xABC]}, "cfab"),
        (
            ("le:u8/8>>0", "le:u32/32>>0"),
            {"voltage0": [1], "voltage1": [2]},
            "01000000" + "02000000",
        ),
        (
            ("le:u32/32>>0", "le:u8/8>>0"),
            {"voltage0": [1], "voltage1": [2]},
            "01000000" + "02000000",
        ),
        (
            ("le:u8/8>>0", "le:u16/16X2>>0", "le:u8/8>>0"),
            {"voltage0": [1], "voltage1": [2, 3], "voltage2": [4]},
            "01000000" + "02000300" + "04000000",
        ),
    ],
)
def test_a_scan_is_packed_and_padded(
    tmp_path: Path, types: tuple[str, ...], values: dict[str, list[int]], scan: str
) -> None:
    device = tree(tmp_path, *types, timestamp=False)
    assert device.pack(values).hex() == scan
    device.close()


def test_three_axes_with_a_time_stamp_take_sixteen_bytes(tmp_path: Path) -> None:
    device = tree(tmp_path, *["le:s16/16>>0"] * 3)
    device.feed(np.array([[1, 2, 3]]), first_ns=4)
    with device.node.open("rb", buffering=0) as node:
        assert node.read(64).hex() == "010002000300" + "0000" + "0400000000000000"
    device.close()


def test_what_is_not_enabled_is_not_in_the_scan(tmp_path: Path) -> None:
    device = tree(tmp_path, "le:s16/16>>0", "le:s16/16>>0", timestamp=False)
    device.put("scan_elements/in_voltage0_en", "0")
    assert device.pack({"voltage0": [1], "voltage1": [2]}) == b"\x02\x00"
    device.close()


def test_draining_leaves_an_empty_fifo(tmp_path: Path) -> None:
    device = tree(tmp_path, "le:s16/16>>0")
    node = os.open(device.node, os.O_RDONLY | os.O_NONBLOCK)
    device.feed_bytes(b"left over")
    device.drain()
    with pytest.raises(BlockingIOError):
        os.read(node, 1)
    os.close(node)
    device.close()
