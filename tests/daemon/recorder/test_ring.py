"""A ring gives back every row that is whole, whatever happened to its file."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windows import layout, window

from edge_agent.daemon.recorder.ring import DamagedRingError, Ring
from edge_agent.daemon.recorder.rows import REASONS, RecordedRow, make_row
from edge_agent.pipeline.result import Reason

CAPACITY = 8
LAYOUT = layout()


def row(index: int) -> RecordedRow:
    result = window(
        index=index,
        start_ns=1000 * index,
        end_ns=1000 * index + 1000,
        vector=np.array([index, -index], np.float32),
    )
    return make_row(LAYOUT, result, "boot")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pump-1.ring"


def test_every_reason_of_the_pipeline_has_its_number() -> None:
    assert set(REASONS) == {None, *get_args(Reason)}


def test_its_size_is_known_before_the_first_row(path: Path) -> None:
    ring = Ring.create(path, LAYOUT, CAPACITY)
    before = path.stat()
    for index in range(3 * CAPACITY):
        ring.write(row(index))
    after = path.stat()
    assert before.st_size == after.st_size == ring.size
    assert before.st_blocks == after.st_blocks
    ring.close()


@given(st.lists(st.integers(0, 3 * CAPACITY), max_size=40), st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_it_holds_what_was_written_last_in_each_place(
    tmp_path_factory: pytest.TempPathFactory, indices: list[int], first: int, end: int
) -> None:
    ring = Ring.create(tmp_path_factory.mktemp("ring") / "a.ring", LAYOUT, CAPACITY)
    held: dict[int, int] = {}
    for index in indices:
        ring.write(row(index))
        held[index % CAPACITY] = index
    expected = sorted(i for i in held.values() if max(first, end - CAPACITY) <= i < end)
    assert ring.read(first, end)["index"].tolist() == expected
    assert ring.newest() == max(held.values(), default=None)
    ring.close()


@pytest.mark.parametrize("written", [0, 1, 5, CAPACITY, 2 * CAPACITY + 3])
def test_the_oldest_row_is_found_without_reading_all(path: Path, written: int) -> None:
    ring = Ring.create(path, LAYOUT, CAPACITY)
    for index in range(100, 100 + written):
        ring.write(row(index))
    end = 100 + written
    assert ring.oldest(end) == (max(100, end - CAPACITY) if written else None)
    ring.close()


def test_a_torn_row_is_skipped_and_the_others_are_there(path: Path) -> None:
    ring = Ring.create(path, LAYOUT, CAPACITY)
    for index in range(CAPACITY):
        ring.write(row(index))
    size = LAYOUT.dtype.itemsize
    with path.open("r+b") as file:
        file.seek(ring.size - 5 * size + size // 2)
        file.write(b"\xff" * (size // 2))
    rows = ring.read(0, CAPACITY)
    assert rows["index"].tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert rows["vector"][:, 0].tolist() == [0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 7.0]
    ring.close()


def test_it_is_opened_as_it_was_made(path: Path) -> None:
    Ring.create(path, LAYOUT, CAPACITY).close()
    ring = Ring.open_file(path)
    assert (ring.layout, ring.capacity) == (LAYOUT, CAPACITY)
    ring.close()


@given(cut=st.integers(0, 5000), at=st.integers(0, 200), bits=st.integers(1, 255))
@settings(max_examples=40, deadline=None)
def test_a_damaged_header_is_said(
    tmp_path_factory: pytest.TempPathFactory, cut: int, at: int, bits: int
) -> None:
    path = tmp_path_factory.mktemp("ring") / "a.ring"
    Ring.create(path, LAYOUT, CAPACITY).close()
    content = bytearray(path.read_bytes())
    cut = min(cut, len(content) - 1)
    for damaged in (content[:cut], content[:at] + bytes([content[at] ^ bits]) + content[at + 1 :]):
        path.write_bytes(damaged)
        with pytest.raises(DamagedRingError):
            Ring.open_file(path)
