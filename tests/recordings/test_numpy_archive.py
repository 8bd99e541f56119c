"""Archives: the project's own layout, and the FEMTO and IMS excerpts."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from edge_agent.recordings import (
    Gap,
    RecordingError,
    RecordingOptions,
    open_recording,
    write_recording,
)

Samples = Callable[..., NDArray[np.float32]]
Refusal = Callable[..., str]
RNG = np.random.default_rng(1)
NOISE = RNG.standard_normal((70_000, 2)).astype(np.float32)


def test_continuous_samples_come_back_as_they_were_written(
    tmp_path: Path, samples_of: Samples
) -> None:
    path = tmp_path / "pump.npz"
    write_recording(
        path,
        NOISE,
        rate_hz=1000.0,
        unit="m/s2",
        channels=("x", "y"),
        start_ns=1_700_000_000 * 10**9,
    )
    recording = open_recording(path)
    assert recording.channels == ("x", "y")
    assert (recording.rate_hz, recording.unit, recording.length) == (1000.0, "m/s2", 70_000)
    assert recording.period_s is None
    assert recording.burst_length is None
    assert np.array_equal(samples_of(path), NOISE)
    starts_ns = [block.start_ns - 1_700_000_000 * 10**9 for block in recording.blocks()]
    assert starts_ns == [0, 32_768_000_000, 65_536_000_000]


def test_what_is_missing_of_continuous_samples_shows_as_gaps(
    tmp_path: Path, samples_of: Samples
) -> None:
    path = tmp_path / "pump.npz"
    second = 10**9
    gaps = [Gap(1_000, 5 * second), Gap(33_000, 100 * second), Gap(40_000, 200 * second)]
    write_recording(path, NOISE, rate_hz=1000.0, start_ns=0, gaps=gaps)
    blocks = list(open_recording(path).blocks())
    assert np.array_equal(samples_of(path), NOISE)
    found = [(len(b.samples), b.start_ns / second, b.gap_before) for b in blocks]
    assert found == [
        (1_000, 0.0, False),
        (31_768, 5.0, True),
        (232, 36.768, False),
        (7_000, 100.0, True),
        (25_536, 200.0, True),
        (4_464, 225.536, False),
    ]
    thinned = open_recording(path, RecordingOptions(decimate=10))
    assert sum(block.gap_before for block in thinned.blocks()) == 3


@pytest.mark.parametrize("at", [[0], [5, 5], [7, 3], [70_000]])
def test_gaps_lie_within_the_samples_and_in_order(tmp_path: Path, at: list[int]) -> None:
    path = tmp_path / "pump.npz"
    with pytest.raises(RecordingError, match="gap_at"):
        write_recording(path, NOISE, rate_hz=1000.0, gaps=[Gap(n, 10**9) for n in at])
    assert not path.exists()


def test_bursts_have_no_gaps_beside_their_times(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="gap_at"):
        write_recording(
            tmp_path / "pump.npz",
            NOISE[:600].reshape(3, 200, 2),
            rate_hz=1000.0,
            gaps=[Gap(1, 10**9)],
        )


def test_bursts_come_back_as_they_were_written(tmp_path: Path, samples_of: Samples) -> None:
    path = tmp_path / "pump.npz"
    bursts = NOISE[:600].reshape(3, 200, 2)
    starts_ns = [10**9, 2 * 10**9, 9 * 10**9]
    write_recording(path, bursts, rate_hz=1000.0, start_ns=starts_ns, period_s=1.0)
    recording = open_recording(path)
    assert (recording.period_s, recording.length, recording.burst_length) == (1.0, 3, 200)
    assert recording.channels == ("c1", "c2")
    assert [block.start_ns for block in recording.blocks()] == starts_ns
    assert [block.gap_before for block in recording.blocks()] == [False, False, True]
    assert np.array_equal(samples_of(path), NOISE[:600])


def test_bursts_without_a_period_follow_one_another(tmp_path: Path) -> None:
    path = tmp_path / "pump.npz"
    write_recording(path, NOISE[:600].reshape(3, 200, 2), rate_hz=1000.0)
    assert open_recording(path).period_s == pytest.approx(0.2)


def test_one_channel_may_be_a_plain_vector(tmp_path: Path, samples_of: Samples) -> None:
    write_recording(tmp_path / "pump.npz", NOISE[:, 0], rate_hz=1000.0)
    assert samples_of(tmp_path / "pump.npz").shape == (70_000, 1)


def test_arrays_in_fortran_order_are_read_alike(tmp_path: Path, samples_of: Samples) -> None:
    np.savez(tmp_path / "pump.npz", samples=np.asfortranarray(NOISE), rate_hz=1000.0)
    assert np.array_equal(samples_of(tmp_path / "pump.npz"), NOISE)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"samples": [[1.0, np.nan]]}, "samples hold NaN or infinity"),
        ({"samples": [[1.0, 1e300]]}, "samples hold NaN or infinity"),
        ({"samples": np.zeros((0, 2))}, "allowed: at least one sample"),
        ({"samples": np.zeros((1, 1, 1, 1))}, "allowed: (n,), (n, channels) or (bursts"),
        ({"samples": [["a"]]}, "samples cannot be read or written"),
        ({"channels": ("x",)}, "channels are ['x'] but the array has 2 columns"),
        ({"channels": ("x", "x")}, "allowed: one name for each, none twice"),
        ({"rate_hz": 0.0}, "rate_hz is 0.0, allowed: 0.001 to 1e+12 Hz"),
        ({"start_ns": [1, 2]}, "several start_ns belong to bursts"),
        ({"start_ns": -1}, "start_ns"),
        ({"period_s": 1.0}, "period_s or several start_ns belong to bursts"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(
    tmp_path: Path, changed: dict[str, Any], problem: str
) -> None:
    path = tmp_path / "pump.npz"
    arguments: dict[str, Any] = {"samples": NOISE, "rate_hz": 1000.0, **changed}
    with pytest.raises(RecordingError) as caught:
        write_recording(path, **arguments)
    assert problem in caught.value.problem
    assert caught.value.path == path
    assert list(tmp_path.iterdir()) == []


def test_a_recording_is_written_as_npz_only(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"has the ending '\.npy', allowed: \.npz"):
        write_recording(tmp_path / "pump.npy", NOISE, rate_hz=1000.0)


def test_a_folder_that_is_not_there_is_refused_for_writing(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        write_recording(tmp_path / "no" / "pump.npz", NOISE, rate_hz=1000.0)


def test_femto_snapshots_are_bursts_in_g(tmp_path: Path, samples_of: Samples) -> None:
    path = tmp_path / "Bearing.npz"
    milli = RNG.integers(-50_000, 50_000, (3, 16, 2), dtype=np.int32)
    np.savez(path, acc_milli_g=milli, file_number=np.array([1, 2, 5], np.int32))
    recording = open_recording(path)
    assert recording.channels == ("horizontal", "vertical")
    assert (recording.rate_hz, recording.unit, recording.period_s) == (25_600.0, "g", 10.0)
    assert [block.start_ns // 10**9 for block in recording.blocks()] == [10, 20, 50]
    assert [block.gap_before for block in recording.blocks()] == [False, False, True]
    assert np.array_equal(samples_of(path), (milli / 1000.0).astype(np.float32).reshape(48, 2))


@pytest.mark.parametrize(
    "clock",
    [
        {"file_name": np.array(["2004.02.12.10.32.39", "2004.02.12.10.42.39"])},
        {"file_index": np.array([0, 1], np.int32)},
        {},
    ],
)
def test_ims_snapshots_are_bursts_without_a_unit(tmp_path: Path, clock: dict[str, Any]) -> None:
    np.savez(tmp_path / "ims.npz", acc_milli=np.ones((2, 16, 4), np.int16), **clock)
    recording = open_recording(tmp_path / "ims.npz")
    assert recording.channels == ("b1", "b2", "b3", "b4")
    assert (recording.rate_hz, recording.unit, recording.period_s) == (20_000.0, None, 600.0)
    first, second = recording.blocks()
    assert second.start_ns - first.start_ns == 600 * 10**9


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"x": NOISE}, "holds the arrays: x; allowed: samples (see write_recording), acc_milli_g"),
        ({"samples": NOISE}, "states no sampling rate: give it with --rate-hz"),
        ({"samples": NOISE, "rate": 1.0}, "holds unknown arrays rate, allowed: "),
        ({"samples": NOISE, "rate_hz": "fast"}, "header: Expected `float | null`, got `str`"),
        ({"samples": NOISE, "rate_hz": np.nan}, "rate_hz is nan, allowed: 0.001 to 1e+12 Hz"),
        ({"samples": NOISE.astype(complex), "rate_hz": 1.0}, "dtype complex128, allowed: integers"),
        ({"samples": NOISE.astype(str), "rate_hz": 1.0}, "allowed: integers or floats"),
        ({"samples": np.array([[{}]]), "rate_hz": 1.0}, "dtype 'object', allowed: plain numbers"),
        ({"samples": np.zeros(4, "f4,f4"), "rate_hz": 1.0}, "allowed: plain numbers"),
        ({"samples": NOISE.T, "rate_hz": 1.0}, "so 70000 channels, allowed: at most 256"),
        (
            {"samples": [[1.0, 2.0], [3.0, np.inf]], "rate_hz": 1.0},
            "sample 1 of channel c2 is inf, allowed: finite numbers",
        ),
        ({"samples": [[1e300]], "rate_hz": 1.0}, "sample 0 of channel c1 is 1e+300"),
        ({"acc_milli_g": np.zeros((2, 8, 3), int)}, "allowed: (snapshots, n, 2)"),
        ({"acc_milli_g": np.zeros((2, 8), int)}, "allowed: (snapshots, n, 2)"),
        (
            {"acc_milli_g": np.zeros((2, 8, 2), int), "file_number": [1]},
            "array 'file_number' has shape (1,) of int64, allowed: (2,) whole numbers",
        ),
        (
            {"acc_milli_g": np.zeros((2, 8, 2), int), "file_number": [1, -1]},
            "allowed: (2,) whole numbers from 0",
        ),
        (
            {"acc_milli": np.zeros((1, 8, 4), int), "file_name": ["acc_1"]},
            "array 'file_name' item 0 is 'acc_1', allowed: YYYY.MM.DD.HH.MM.SS",
        ),
        (
            {"acc_milli": np.zeros((2, 8, 4), int), "file_name": ["2004.02.12.10.32.39"]},
            "allowed: (2,) texts, one a snapshot",
        ),
    ],
)
def test_a_wrong_layout_is_refused_with_a_reason(
    tmp_path: Path, refusal_of: Refusal, arrays: dict[str, Any], problem: str
) -> None:
    np.savez(tmp_path / "pump.npz", **arrays)
    assert problem in refusal_of(tmp_path / "pump.npz")


@pytest.mark.parametrize("compressed", [True, False])
def test_a_truncated_archive_is_refused_with_a_reason(
    tmp_path: Path, refusal_of: Refusal, *, compressed: bool
) -> None:
    path = tmp_path / "pump.npz"
    (np.savez_compressed if compressed else np.savez)(path, samples=NOISE, rate_hz=1000.0)
    path.write_bytes(path.read_bytes()[:-400])
    assert "cannot be read" in refusal_of(path)


def test_a_flipped_bit_is_found_by_the_checksum(tmp_path: Path, refusal_of: Refusal) -> None:
    path = tmp_path / "pump.npz"
    np.savez(path, samples=NOISE, rate_hz=1000.0)
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    assert "array 'samples' cannot be read or written: Bad CRC-32" in refusal_of(path)


def test_a_header_that_promises_more_than_there_is_is_refused(
    tmp_path: Path, refusal_of: Refusal
) -> None:
    path = tmp_path / "pump.npz"
    stored = io.BytesIO()
    header = {"shape": (10**12, 2), "fortran_order": False, "descr": "<f4"}
    npy_format.write_array_header_1_0(stored, header)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("samples.npy", stored.getvalue() + bytes(8))
    problem = "array 'samples' is truncated: 8 bytes of data, its header promises 8000000000000 for"
    assert problem in refusal_of(path, rate_hz=1.0)


def test_a_stated_rate_or_unit_is_not_overruled(tmp_path: Path, refusal_of: Refusal) -> None:
    path = tmp_path / "pump.npz"
    write_recording(path, NOISE, rate_hz=1000.0, unit="g")
    assert open_recording(path, RecordingOptions(rate_hz=1000.0, unit="g")).unit == "g"
    assert "rate_hz is 1000 but --rate-hz says 999: leave" in refusal_of(path, rate_hz=999.0)
    assert "unit is 'g' but --unit says 'V': leave" in refusal_of(path, unit="V")
