"""Whatever bytes a file holds, reading it works or raises RecordingError, nothing else."""

import io
import json
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.recordings import RecordingError, RecordingOptions, open_recording

NAMES = (
    "2004.02.12.10.32.39",
    "acc_00001.csv",
    "pump.csv",
    "pump.mat",
    "pump.npy",
    "pump.npz",
    "pump.parquet",
    "pump.tsv",
    "pump.txt",
    "pump.wav",
)
OPTIONS = (
    RecordingOptions(),
    RecordingOptions(rate_hz=100.0, unit="g", decimate=2),
    RecordingOptions(rate_hz=100.0, channels=("0",)),
)
# numpy takes some damaged headers for those of Python 2 and warns.
pytestmark = pytest.mark.filterwarnings("ignore:Reading `.npy`:UserWarning")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def read_or_refuse(path: Path, content: bytes, options: RecordingOptions) -> None:
    path.write_bytes(content)
    try:
        for block in open_recording(path, options).blocks():
            assert block.samples.dtype == np.float32
    except RecordingError as error:
        assert error.problem  # noqa: PT017 - either outcome is right, so nothing is expected


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, samples=np.ones((9, 2)), rate_hz=np.float64(5.0), unit=np.str_("g"))
    return file.getvalue()


def femto_npz() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, acc_milli_g=np.ones((2, 9, 2), np.int32), file_number=[1, 2])
    return file.getvalue()


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.ones((9, 2), np.float32))
    return file.getvalue()


def wav() -> bytes:
    fmt = struct.pack("<HHIIHH", 1, 1, 8000, 16_000, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", 20) + bytes(20)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def mat() -> bytes:
    scipy_io = pytest.importorskip("scipy.io", reason="scipy writes the file")
    file = io.BytesIO()
    scipy_io.savemat(file, {"X105_DE_time": np.ones((20, 1)), "X105RPM": 1797.0})
    return file.getvalue()


def parquet() -> bytes:
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra 'formats'")
    writer = pytest.importorskip("pyarrow.parquet")
    file = io.BytesIO()
    writer.write_table(pyarrow.table({"time": [0, 60], "x_rms": [1.0, 2.0]}), file)
    return file.getvalue()


VALID = {
    "2004.02.12.10.32.39": lambda: b"0.1\t0.2\n0.3\t0.4\n",
    "acc_00001.csv": lambda: b"9,39,39,1,0.552,-0.146\n9,39,39,2,0.501,-0.48\n",
    "features.csv": lambda: b"time,x_rms\n2024-03-01 00:00,1\n2024-03-01 01:00,2\n",
    "femto.npz": femto_npz,
    "pump.csv": lambda: b"x,y\n0.1,0.2\n0.3,0.4\n",
    "pump.mat": mat,
    "pump.npy": npy,
    "pump.npz": npz,
    "pump.parquet": parquet,
    "pump.wav": wav,
}
ANY_CASE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("name", NAMES)
@ANY_CASE
@given(content=st.binary(max_size=400), options=st.sampled_from(OPTIONS))
def test_random_bytes_are_refused(
    folder: Path, name: str, content: bytes, options: RecordingOptions
) -> None:
    read_or_refuse(folder / name, content, options)


@pytest.mark.parametrize("name", ["pump.csv", "pump.txt", "pump.tsv", "2004.02.12.10.32.39"])
@ANY_CASE
@given(
    text=st.text(alphabet='0123456789.,;- \t\n\r"eEnaif_xrmstime\x00\u0663', max_size=120),
    options=st.sampled_from(OPTIONS),
)
def test_random_tables_are_read_or_refused(
    folder: Path, name: str, text: str, options: RecordingOptions
) -> None:
    read_or_refuse(folder / name, text.encode(), options)


@pytest.mark.parametrize("name", VALID)
@ANY_CASE
@given(data=st.data(), options=st.sampled_from(OPTIONS))
def test_damaged_files_are_read_or_refused(
    folder: Path, name: str, data: st.DataObject, options: RecordingOptions
) -> None:
    content = bytearray(VALID[name]())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(content)))
    read_or_refuse(folder / name, bytes(content[:cut]), options)


@settings(ANY_CASE, max_examples=25)
@given(
    header=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["rate_hz", "unit", "channels", "start_ns", "period_s"]), inner
            )
        ),
        max_leaves=6,
    )
)
def test_any_header_beside_an_npy_file_is_read_or_refused(folder: Path, header: object) -> None:
    beside = folder / "beside.json"
    beside.write_text(json.dumps(header))
    read_or_refuse(folder / "beside.npy", npy(), OPTIONS[1])


def test_infinities_that_cancel_out_are_refused_without_a_warning(folder: Path) -> None:
    path = folder / "infinite.npy"
    np.save(path, np.array([[np.inf], [-np.inf]], np.float32))
    with pytest.raises(RecordingError, match="sample 0 of channel c1 is inf"):
        list(open_recording(path, RecordingOptions(rate_hz=100.0)).blocks())


def test_characters_beyond_the_last_are_refused(folder: Path) -> None:
    unit = np.frombuffer(b"\xff\xff\xff\x7f", dtype="<U1").reshape(())
    path = folder / "unit.npz"
    np.savez(path, samples=np.ones((9, 2)), rate_hz=5.0, unit=unit)
    with pytest.raises(RecordingError, match="unit"):
        open_recording(path, RecordingOptions())
