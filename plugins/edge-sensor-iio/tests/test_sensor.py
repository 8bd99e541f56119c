"""The sensor on a faithful tree: settings, blocks, gaps, failures and what is left behind."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from edge_sensor_iio import IioOptions, IioSensor

from edge_agent.plugin import Block, SensorError
from edge_agent.testing import IioElement, IioTree, check_sensor

AXES = [
    IioElement("accel_x", 0, "le:s16/16>>0"),
    IioElement("accel_y", 1, "le:s16/16>>0"),
    IioElement("accel_z", 2, "le:s16/16>>0"),
]
ATTRIBUTES = {
    "in_accel_scale": "0.0392266",  # 4 mg
    "in_accel_offset": "10",
    "in_accel_z_scale": "0.0784532",
    "sampling_frequency": "100",
    "sampling_frequency_available": "100 200.000000 400 1000",
}


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[IioTree]:
    made = IioTree(tmp_path, AXES, attributes=ATTRIBUTES, triggers=("timer", "data-ready"))
    yield made
    made.close()


def build(tree: IioTree, **options: object) -> IioSensor:
    return IioSensor(msgspec.convert({**given(tree), **options}, IioOptions))


def given(tree: IioTree) -> dict[str, Any]:
    return {
        "device": "simulated-accel",
        "length": 4,
        "root_sys": str(tree.root_sys),
        "root_dev": str(tree.root_dev),
    }


def read(sensor: IioSensor, timeout_s: float = 1.0) -> Block:
    block = sensor.read(timeout_s)
    assert block is not None
    return block


def test_it_conforms(tree: IioTree) -> None:
    with tree.sampling(1000):
        check_sensor(IioSensor, {**given(tree), "length": 100, "rate_hz": 1000})


def test_it_conforms_without_time_stamps(tmp_path: Path) -> None:
    tree = IioTree(tmp_path, AXES, attributes=ATTRIBUTES, timestamp=False)
    with tree.sampling(1000):
        check_sensor(IioSensor, {**given(tree), "length": 500, "rate_hz": 1000})
    tree.close()


def test_raw_numbers_become_g(tree: IioTree) -> None:
    sensor = build(tree)
    sensor.open()
    tree.feed(np.array([[240, -260, 115]] * 4))
    block = read(sensor)
    sensor.close()
    assert block.samples.dtype == np.float32
    np.testing.assert_allclose(block.samples, [[1.0, -1.0, 1.0]] * 4, rtol=1e-6)
    assert (block.channels, block.unit, block.rate_hz) == (("x", "y", "z"), "g", 100.0)


def test_raw_numbers_become_metres_per_square_second(tree: IioTree) -> None:
    sensor = build(tree, unit="m/s2", channels=["z", "x"])
    sensor.open()
    tree.feed(np.array([[0, 0, 40]] * 4))
    block = read(sensor)
    assert sensor.info.range_max == pytest.approx(0.0392266 * (32768 - 10))
    sensor.close()
    np.testing.assert_allclose(block.samples, [[3.92266, 0.392266]] * 4, rtol=1e-6)
    assert block.channels == ("z", "x")


def test_an_analogue_accelerometer_behind_a_converter_needs_its_sensitivity(tmp_path: Path) -> None:
    tree = IioTree(
        tmp_path,
        [IioElement("voltage0", 0, "be:s24/32>>8")],
        attributes={"in_voltage_scale": "0.001", "sampling_frequency": "1000"},
    )
    sensor = build(tree, channels=["voltage0"], sensitivity_mv_per_g=100.0)
    sensor.open()
    tree.feed(np.array([[150_000]] * 4))
    np.testing.assert_allclose(read(sensor).samples, [[1.5]] * 4)
    sensor.close()
    with pytest.raises(SensorError, match="sensitivity_mv_per_g: found None for voltage0"):
        build(tree, channels=["voltage0"]).open()
    tree.close()


def test_opening_sets_the_device_up_and_closing_puts_it_back(tree: IioTree) -> None:
    tree.put("scan_elements/in_accel_y_en", "1")
    before = {path: path.read_text() for path in tree.root_sys.rglob("*") if path.is_file()}
    sensor = build(tree, channels=["z", "x"], rate_hz=200, trigger="data-ready", length=256)
    sensor.open()
    assert tree.get("scan_elements/in_accel_x_en") == "1"
    assert tree.get("scan_elements/in_accel_y_en") == "0"
    assert tree.get("scan_elements/in_timestamp_en") == "1"
    assert tree.get("sampling_frequency") == "200.000000"
    assert tree.get("trigger/current_trigger") == "data-ready"
    assert tree.get("current_timestamp_clock") == "boottime"
    assert tree.get("buffer/length") == "800"
    assert tree.get("buffer/watermark") == "256"
    assert tree.get("buffer/enable") == "1"
    sensor.close()
    sensor.close()
    after = {path: path.read_text() for path in tree.root_sys.rglob("*") if path.is_file()}
    assert after == before


def test_a_failed_opening_puts_the_device_back(tree: IioTree) -> None:
    tree.put("scan_elements/in_accel_z_type", "le:f32/32>>0")
    before = {path: path.read_text() for path in tree.root_sys.rglob("*") if path.is_file()}
    with pytest.raises(SensorError, match=r"in_accel_z_type: found 'le:f32/32>>0', want"):
        build(tree, rate_hz=400, trigger="data-ready").open()
    after = {path: path.read_text() for path in tree.root_sys.rglob("*") if path.is_file()}
    assert after == before


def test_the_rate_may_belong_to_a_timer_trigger(tmp_path: Path) -> None:
    attributes = {"in_accel_scale": "1", "../trigger0/sampling_frequency": "50"}
    tree = IioTree(tmp_path, AXES, attributes=attributes)
    sensor = build(tree, rate_hz=800)
    sensor.open()
    assert tree.get("../trigger0/sampling_frequency") == "800"
    assert sensor.info.rate_hz == 800
    sensor.close()
    tree.close()


def test_start_times_are_of_the_clock_that_nobody_sets(tree: IioTree) -> None:
    sensor = build(tree)
    sensor.open()
    now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    tree.feed(np.zeros((4, 3), int), first_ns=now, step_ns=10_000_000)
    assert read(sensor).start_ns == now
    sensor.close()


def test_scans_that_arrive_in_parts_are_put_together(tree: IioTree) -> None:
    sensor = build(tree)
    sensor.open()
    rows = [{"accel_x": [i], "accel_y": [0], "accel_z": [0], "timestamp": [i]} for i in range(8)]
    data = b"".join(tree.pack(row) for row in rows)
    seen = []
    for first in range(0, len(data), 7):
        tree.feed_bytes(data[first : first + 7])
        block = sensor.read(0.0)
        if block is not None:
            seen.append(block.samples[:, 0])
    sensor.close()
    expected = (np.arange(8) + 10) * 0.004
    np.testing.assert_allclose(np.concatenate(seen), expected, rtol=1e-6)


def test_a_jump_between_blocks_is_a_gap(tree: IioTree) -> None:
    sensor = build(tree)
    sensor.open()
    for first_ns in (0, 40_000_000, 200_000_000):
        tree.feed(np.zeros((4, 3), int), first_ns, step_ns=10_000_000)
    blocks = [read(sensor) for _ in range(3)]
    sensor.close()
    assert [block.gap_before for block in blocks] == [False, False, True]
    assert blocks[2].start_ns - blocks[0].start_ns == 200_000_000


def test_a_jump_inside_a_block_cuts_it_there(tree: IioTree) -> None:
    sensor = build(tree)
    sensor.open()
    tree.feed(np.full((3, 3), 1), 0, step_ns=10_000_000)
    tree.feed(np.full((5, 3), 2), 1_000_000_000, step_ns=10_000_000)
    before, after = read(sensor), read(sensor)
    sensor.close()
    assert (len(before.samples), before.gap_before) == (3, False)
    assert (len(after.samples), after.gap_before) == (4, True)
    assert after.start_ns - before.start_ns == 1_000_000_000


def test_fifo_loads_with_one_stamp_are_no_gaps_when_allowed(tree: IioTree) -> None:
    sensor = build(tree, gap_periods=6)
    sensor.open()
    tree.feed(np.zeros((4, 3), int), 0, step_ns=0)
    tree.feed(np.zeros((4, 3), int), 40_000_000, step_ns=0)
    assert [read(sensor).gap_before for _ in range(2)] == [False, False]
    sensor.close()


def test_without_data_read_returns_none_in_time(tree: IioTree) -> None:
    sensor = build(tree)
    sensor.open()
    started = time.monotonic()
    assert sensor.read(0.05) is None
    assert time.monotonic() - started > 0.04
    sensor.close()


def test_an_unplugged_device_is_a_sensor_error(tree: IioTree) -> None:
    sensor = build(tree)
    sensor.open()
    tree.unplug()
    with pytest.raises(SensorError, match=r"simulated-accel: reading failed: .*unplugged"):
        sensor.read(0.1)
    sensor.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "adxl999"}, r"found no 'adxl999' .*iio:device0 \(simulated-accel\)"),
        ({"channels": ["w"]}, r"channels: found \['w'\], want different ones of .*accel_x"),
        ({"channels": ["x", "accel_x"]}, "channels: found"),
        ({"channels": ["timestamp"]}, "channels: found"),
        ({"rate_hz": 500}, "rate_hz: found 500, allowed: 100 200.000000 400 1000"),
        ({"trigger": "none-such"}, r"trigger: found 'none-such', want one of \['data-ready'"),
        ({"sensitivity_mv_per_g": 100.0}, "none for accelerometers"),
    ],
)
def test_a_wrong_option_is_refused_with_what_is_allowed(
    tree: IioTree, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SensorError, match=message):
        build(tree, **options).open()
    assert tree.get("buffer/enable") == "0"


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("in_accel_z_scale", "loud", "in_accel_z_scale: found 'loud', want a number"),
        ("in_accel_scale", "0", "in_accel_scale: found 0.0, want a finite number other than 0"),
        ("scan_elements/in_accel_x_type", "le:s16/16X2>>0", "accel_x has 2 values a scan"),
        ("sampling_frequency_available", "[100 1 150]", r"allowed: \[100 1 150\]"),
    ],
)
def test_a_device_that_makes_no_sense_is_refused(
    tree: IioTree, path: str, content: str, message: str
) -> None:
    tree.put(path, content)
    with pytest.raises(SensorError, match=message):
        build(tree, rate_hz=200).open()


def test_a_device_without_a_scale_is_refused(tmp_path: Path) -> None:
    tree = IioTree(tmp_path, AXES, attributes={"sampling_frequency": "100"})
    with pytest.raises(SensorError, match="no in_accel_x_scale and no in_accel_scale"):
        build(tree).open()
    tree.close()


def test_two_devices_of_one_name_are_told_apart_by_number(tree: IioTree) -> None:
    tree.put("../iio:device7/name", "simulated-accel")
    with pytest.raises(SensorError, match="2 times, want one of iio:device0, iio:device7"):
        build(tree).open()
    sensor = build(tree, device="iio:device0")
    sensor.open()
    sensor.close()


def test_before_open_info_and_read_say_so(tree: IioTree) -> None:
    sensor = build(tree)
    with pytest.raises(SensorError, match="not open"):
        _ = sensor.info
    with pytest.raises(SensorError, match="not open"):
        sensor.read(0.0)
