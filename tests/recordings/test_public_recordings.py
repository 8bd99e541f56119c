"""The readers on the public recordings themselves, where they are at hand."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.recordings import RecordingOptions, open_recording

Samples = Callable[..., NDArray[np.float32]]


def unpack(archive: Path, folder: Path, *members: str) -> None:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder, members or None)


def test_ims_text_equals_its_snapshots_exactly(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "ims_2nd_test"
    unpack(folder / "ims_2nd_test_raw_text.zip", tmp_path)
    text = open_recording(tmp_path / "2nd_test")
    arrays = open_recording(folder / "ims_2nd_test_snapshots.npz")
    assert text.channels == arrays.channels
    assert text.length == arrays.length == 17
    for ours, theirs in zip(text.blocks(), arrays.blocks(), strict=True):
        assert np.array_equal(ours.samples, theirs.samples)
        assert ours.start_ns == theirs.start_ns
        assert ours.gap_before == theirs.gap_before


def test_femto_csv_equals_the_rows_of_its_archive(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "femto"
    unpack(folder / "Bearing1_1_raw_csv_slice.zip", tmp_path)
    files = open_recording(tmp_path / "Bearing1_1")
    archive = open_recording(folder / "Bearing1_1.npz")
    assert (files.length, archive.length) == (24, 2803)
    assert archive.burst_length == files.burst_length == 2560
    wanted = {block.start_ns: block.samples for block in files.blocks()}
    compared = 0
    for block in archive.blocks():
        if block.start_ns in wanted:
            assert np.array_equal(block.samples, wanted[block.start_ns])
            compared += 1
    assert compared == 24


def test_cwru_records_are_read_at_the_rate_given(
    shared_data: Path, tmp_path: Path, samples_of: Samples
) -> None:
    names = ("Normal/97_Normal_0.mat", "12k_Drive_End_Bearing_Fault_Data/OR/007/@6/130@6_0.mat")
    unpack(shared_data / "cwru" / "cwru_dev_mat.zip", tmp_path, *names)
    normal = open_recording(tmp_path / names[0], RecordingOptions(rate_hz=48_000.0, decimate=4))
    assert normal.channels == ("DE", "FE")
    assert (normal.rate_hz, normal.unit, normal.length) == (12_000.0, "g", 60_985)
    fault = open_recording(tmp_path / names[1], RecordingOptions(rate_hz=12_000.0))
    assert fault.channels == ("DE", "FE", "BA")
    assert len(samples_of(tmp_path / names[0], rate_hz=48_000.0)) == 243_938


def test_cwru_samples_are_those_that_scipy_reads(
    shared_data: Path, tmp_path: Path, samples_of: Samples
) -> None:
    scipy_io = pytest.importorskip("scipy.io", reason="scipy is what is compared with")
    unpack(shared_data / "cwru" / "cwru_dev_mat.zip", tmp_path)
    paths = sorted(tmp_path.rglob("*.mat"))
    assert len(paths) == 7
    for path in paths:
        theirs = scipy_io.loadmat(path)
        number = path.name[:3].strip("_").zfill(3)
        ours = samples_of(path, rate_hz=12_000.0, channels=("FE", "DE"))
        for column, channel in enumerate(("FE", "DE")):
            expected = theirs[f"X{number}_{channel}_time"].ravel().astype(np.float32)
            assert np.array_equal(ours[:, column], expected)


def test_the_ims_feature_table_has_984_rows_of_four_bearings(
    shared_data: Path, samples_of: Samples
) -> None:
    path = shared_data / "ims_2nd_test" / "ims_2nd_test_features.csv"
    recording = open_recording(path, RecordingOptions(channels=("b1",)))
    assert recording.channels == (
        "b1_mean_abs",
        "b1_rms",
        "b1_mean",
        "b1_std",
        "b1_peak",
        "b1_kurtosis",
        "b1_skewness",
    )
    assert (recording.length, recording.period_s) == (984, 600.0)
    rows = samples_of(path)
    assert rows.shape == (984, 28)
    assert rows[0, 1] == np.float32(0.07417899856512623)
    assert not any(block.gap_before for block in recording.blocks())


def test_taxi_demand_is_one_series_of_half_hours(shared_data: Path) -> None:
    recording = open_recording(shared_data / "nab" / "realKnownCause" / "nyc_taxi.csv")
    assert recording.kind == "features"
    assert recording.channels == ("value",)
    assert (recording.length, recording.period_s) == (10_320, 1800.0)


def test_server_metrics_are_38_series_of_minutes(shared_data: Path, tmp_path: Path) -> None:
    name = "ServerMachineDataset/train/machine-2-1.txt"
    unpack(shared_data / "smd" / "machine-2-1.zip", tmp_path, name)
    recording = open_recording(tmp_path / name)
    assert len(recording.channels) == 38
    assert (recording.kind, recording.length, recording.period_s) == ("features", 23_693, 60.0)


def test_ecg_text_is_two_channels_after_the_time(shared_data: Path, tmp_path: Path) -> None:
    name = "ecg/chfdb_chf13_45590.txt"
    unpack(shared_data / "ecg" / "ucr_discord_ecg_raw.zip", tmp_path, name)
    recording = open_recording(tmp_path / name, RecordingOptions(rate_hz=250.0, unit="mV"))
    (block,) = recording.blocks()
    assert block.start_ns == 45_590 * 10**9
    assert block.samples.shape == (3750, 2)
    assert block.samples[0].tolist() == pytest.approx([-1.965, 0.075])
