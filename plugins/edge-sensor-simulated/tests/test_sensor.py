"""The sensor delivers the simulated machine in its own time."""

import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from edge_sensor_simulated import Machine, SimulatedOptions, SimulatedSensor, record, simulate

from edge_agent.plugin import Block, EndOfData, SensorError
from edge_agent.recordings import open_recording
from edge_agent.testing import check_sensor

START_NS = 1_700_000_000_000_000_000
AT_ONCE = {"speedup": 0, "start": "2023-11-14T22:13:20Z", "length": 512, "rate_hz": 1024}


def opened(**options: object) -> SimulatedSensor:
    sensor = SimulatedSensor(msgspec.convert({**AT_ONCE, **options}, SimulatedOptions))
    sensor.open()
    return sensor


def read(sensor: SimulatedSensor) -> Block:
    block = sensor.read(1.0)
    assert block is not None
    return block


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"speedup": 1, "length": 100},
        {"period_s": 600, "channels": ["x", "y", "z"]},
        {"period_s": 1, "speedup": 10, "phase_s": 0.3},
        {"duration_s": 1.5},
        {"unit": "m/s2", "range_g": 2.0, "defect": {"kind": "ball", "start_g": 9.0}},
    ],
)
def test_it_conforms(options: dict[str, object]) -> None:
    check_sensor(SimulatedSensor, {**AT_ONCE, **options})


def test_blocks_are_the_machine_at_their_time() -> None:
    sensor = opened(seed=5, phase_s=0.25, channels=["a", "b"])
    blocks = [read(sensor) for _ in range(2)]
    expected = simulate(Machine(seed=5), rate_hz=1024, length=1024, start_s=0.25, channels=2)
    np.testing.assert_array_equal(np.concatenate([b.samples for b in blocks]), expected)
    assert [b.start_ns - START_NS for b in blocks] == [250_000_000, 750_000_000]
    assert blocks[0].channels == ("a", "b")


def test_bursts_come_each_period() -> None:
    sensor = opened(period_s=600.0)
    starts = [read(sensor).start_ns for _ in range(3)]
    assert [start - START_NS for start in starts] == [0, 600 * 10**9, 1200 * 10**9]
    assert sensor.info.period_s == 600.0


def test_a_time_lapse_takes_its_share_of_the_time() -> None:
    sensor = opened(speedup=20.0)  # half a second of samples in 25 ms
    started = time.monotonic()
    for _ in range(4):
        read(sensor)
    assert time.monotonic() - started > 0.09


def test_aligned_assets_stay_as_far_apart_as_their_phases() -> None:
    starts = []
    for phase_s in (0.0, 0.25, 0.5):
        sensor = opened(speedup=1.0, start=None, aligned=True, phase_s=phase_s)
        starts.append(read(sensor).start_ns)
        time.sleep(0.01)
    apart_s = [(start - starts[0]) / 1e9 % 1.0 for start in starts]
    np.testing.assert_allclose(apart_s, [0.0, 0.25, 0.5], atol=0.1)


def test_an_aligned_asset_begins_at_the_date_it_is_told() -> None:
    assert read(opened(speedup=1.0, aligned=True)).start_ns == START_NS


def test_a_block_whose_time_has_not_come_is_none() -> None:
    sensor = opened(speedup=1.0)
    assert sensor.read(0.01) is None
    assert read(sensor).start_ns == START_NS


def test_without_a_start_time_counts_from_opening() -> None:
    sensor = opened(start=None)
    assert sensor.info.clock == "source"
    assert read(sensor).start_ns == pytest.approx(time.time_ns(), abs=10**9)


def test_in_real_time_it_counts_by_the_clock_that_nobody_sets() -> None:
    sensor = opened(start=None, speedup=1.0)
    now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert sensor.info.clock == "boot"
    block = sensor.read(2.0)
    assert block is not None
    assert block.start_ns == pytest.approx(now_ns, abs=10**8)


def test_the_end_of_the_duration_ends_the_data() -> None:
    sensor = opened(duration_s=1.2)
    for _ in range(2):
        read(sensor)
    with pytest.raises(EndOfData):
        sensor.read(0.0)


def test_a_strong_signal_is_clipped_at_the_range() -> None:
    sensor = opened(range_g=0.5, unit="m/s2", unbalance_g=3.0)
    samples = read(sensor).samples
    assert sensor.info.range_max == pytest.approx(0.5 * 9.80665)
    assert samples.max() == pytest.approx(0.5 * 9.80665)
    assert samples.min() == pytest.approx(-0.5 * 9.80665)


def test_it_must_be_open_to_be_read() -> None:
    sensor = opened()
    sensor.close()
    with pytest.raises(SensorError, match="not open"):
        sensor.read(0.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"period_s": 0.1}, r"period_s is 0.1, allowed: at least the 0.5 s of a burst"),
        ({"channels": []}, "length >= 1"),
        ({"channels": ["x", "x"]}, "allowed: different names"),
        ({"resonance_hz": 600}, "resonance_hz is 600, allowed: below half of 1024 Hz"),
        ({"idle": [[5, 5]]}, r"idle holds \[5.0, 5.0\]"),
        ({"start": "2023-11-14T22:13:20"}, "timezone"),
        ({"defect": {"kind": "cage"}}, "cage"),
        ({"bearing": {"ball_mm": 50}}, "ball_mm is 50.0, allowed: less than pitch_mm"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert({**AT_ONCE, **options}, SimulatedOptions)


def test_a_recording_of_it_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "pump.npz"
    record(path, Machine(), rate_hz=1024, duration_s=2.0, channels=("x", "y"), start_ns=START_NS)
    recording = open_recording(path)
    assert (recording.rate_hz, recording.unit, recording.channels) == (1024, "g", ("x", "y"))
    block = next(iter(recording.blocks()))
    assert block.start_ns == START_NS
    expected = simulate(Machine(), rate_hz=1024, length=2048, channels=2)
    np.testing.assert_array_equal(block.samples, expected)


def test_a_recording_may_hold_bursts(tmp_path: Path) -> None:
    path = tmp_path / "pump.npz"
    record(path, Machine(), rate_hz=1024, duration_s=3600.0, burst=(256, 600.0))
    recording = open_recording(path)
    assert (recording.period_s, recording.burst_length, recording.length) == (600.0, 256, 6)
