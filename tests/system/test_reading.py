"""Recordings larger than memory can be read: what reading takes does not grow with the file."""

import pytest

from benchmarks.reading import FORMATS, measure

pytest.importorskip("pyarrow", reason="needs the extra 'formats'")
pytest.importorskip("trainer.data", reason="needs the trainer")
pytestmark = pytest.mark.system

MB = 1_000_000
SIZES_MB = {"npy": 60, "npz": 24, "ims": 20, "wav": 40, "csv": 25, "parquet": 60}
SHARE = 0.4  # of the file's size


@pytest.mark.parametrize("name", SIZES_MB)
def test_samples_take_a_small_share_of_their_files_size(name: str) -> None:
    found = measure(name, SIZES_MB[name] * MB)
    assert found.size_mb > 0.8 * SIZES_MB[name]
    # What is kept is held twice for a moment, when it is put together.
    assert found.memory_mb - 2 * found.kept_mb < SHARE * found.size_mb
    assert found.whole_memory_mb > found.memory_mb


@pytest.mark.parametrize("name", ["table-csv", "table-parquet"])
def test_tables_take_what_is_kept_of_them(name: str) -> None:
    """The table's own rows stay in memory beside the vectors that are made of them."""
    found = measure(name, 6 * MB)
    assert found.kept_mb > 2.0
    assert found.memory_mb < 10.0 + 4 * found.kept_mb


def test_every_format_is_measured() -> None:
    assert set(FORMATS) == {*SIZES_MB, "table-csv", "table-parquet"}
