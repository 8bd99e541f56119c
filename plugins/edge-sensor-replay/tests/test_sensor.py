"""A recording comes back as blocks: whole or in part, once or for ever, in its own time."""

import time
import tomllib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from edge_sensor_replay import ReplayOptions, ReplaySensor
from edge_sensor_replay.span import Span
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.plugin import Block, EndOfData, SensorError
from edge_agent.recordings import open_recording, write_recording
from edge_agent.testing import check_sensor

START_NS = 1_700_000_000_000_000_000
RATE_HZ = 1000.0
PATIENCE_NS = 60 * 10**9  # a busy machine


@pytest.fixture
def continuous(tmp_path: Path) -> Path:
    path = tmp_path / "continuous.npz"
    samples = np.arange(5000, dtype=np.float32).reshape(2500, 2)
    write_recording(
        path, samples, rate_hz=RATE_HZ, unit="g", channels=("x", "y"), start_ns=START_NS
    )
    return path


@pytest.fixture
def bursts(tmp_path: Path) -> Path:
    path = tmp_path / "bursts.npz"
    samples = np.arange(10 * 64, dtype=np.float32).reshape(10, 64, 1)
    write_recording(
        path, samples, rate_hz=RATE_HZ, unit="g", channels=("x",), start_ns=START_NS, period_s=2.0
    )
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "features.csv"
    rows = [f"2024-01-01 00:{minute:02}:00,{minute}.5,3" for minute in range(5)]
    path.write_text("\n".join(["time,b1_rms,b1_kurt", *rows]) + "\n")
    return path


def opened(path: Path, /, **options: object) -> ReplaySensor:
    asked = {"path": str(path), "speed": 0, **options}
    sensor = ReplaySensor(msgspec.convert(asked, ReplayOptions))
    sensor.open()
    return sensor


def rest(sensor: ReplaySensor) -> list[Block]:
    blocks = []
    try:
        while True:
            block = sensor.read(1.0)
            assert block is not None
            blocks.append(block)
    except EndOfData:
        sensor.close()
        return blocks


@pytest.mark.parametrize("name", ["continuous", "bursts", "table"])
@pytest.mark.parametrize("options", [{}, {"loop": True}, {"stamps": "now"}, {"speed": 1000}])
def test_it_conforms(name: str, options: dict[str, object], request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(name)
    if name == "table" and "speed" in options:
        options = {"speed": 10_000}
    check_sensor(ReplaySensor, {"path": str(path), "speed": 0, **options})


def test_the_sample_reads_a_recording_of_the_kind_that_it_names(tmp_path: Path) -> None:
    sample = tomllib.loads((Path(__file__).parents[1] / "sample.toml").read_text())
    options = sample["asset"][0]["sensor"]["options"]
    femto = tmp_path / Path(options.pop("path")).name
    np.savez(femto, acc_milli_g=np.zeros((902, 16, 2), np.int32))
    blocks = rest(opened(femto, **{**options, "speed": 0}))
    assert [block.channels for block in blocks] == [("horizontal",)] * 2


def test_a_continuous_recording_comes_in_blocks_of_a_second(continuous: Path) -> None:
    blocks = rest(opened(continuous))
    assert [len(block.samples) for block in blocks] == [1000, 1000, 500]
    assert [block.start_ns - START_NS for block in blocks] == [0, 10**9, 2 * 10**9]
    joined = np.concatenate([block.samples for block in blocks])
    np.testing.assert_array_equal(joined.ravel(), np.arange(5000))


def test_a_burst_is_a_block(bursts: Path) -> None:
    sensor = opened(bursts)
    assert (sensor.info.period_s, sensor.info.rate_hz) == (2.0, RATE_HZ)
    blocks = rest(sensor)
    assert [len(block.samples) for block in blocks] == [64] * 10


def test_a_row_of_features_is_a_block(table: Path) -> None:
    sensor = opened(table)
    assert sensor.info.channels == ("b1_rms", "b1_kurtosis")
    assert [block.samples.tolist() for block in rest(sensor)][:2] == [[[0.5, 3.0]], [[1.5, 3.0]]]


def test_a_range_takes_bursts(bursts: Path) -> None:
    blocks = rest(opened(bursts, range="7:9"))
    assert [block.start_ns - START_NS for block in blocks] == [14 * 10**9, 16 * 10**9]


def test_a_range_takes_samples_of_a_continuous_recording(continuous: Path) -> None:
    blocks = rest(opened(continuous, range="900:2100", length=500, channels=["y"]))
    assert [len(block.samples) for block in blocks] == [500, 500, 200]
    assert blocks[0].start_ns - START_NS == 900_000_000
    assert blocks[-1].samples[-1, 0] == 2 * 2099 + 1


@settings(max_examples=40, deadline=None)
@given(first=st.integers(0, 70_000), count=st.integers(1, 70_000), length=st.integers(300, 40_000))
def test_any_range_is_the_slice_it_says(
    first: int, count: int, length: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "long.npz"
    whole = np.arange(70_000, dtype=np.float32)
    if not path.exists():
        write_recording(path, whole, rate_hz=RATE_HZ)
    parts = Span(first, first + count).samples(open_recording(path), RATE_HZ, length)
    joined = [block.samples[:, 0] for block in parts]
    found = np.concatenate([np.empty(0, np.float32), *joined])
    np.testing.assert_array_equal(found, whole[first : first + count])
    assert all(len(part) <= length for part in joined)


def test_an_endless_replay_goes_on_in_time_after_a_gap(bursts: Path) -> None:
    sensor = opened(bursts, loop=True, range="8:")
    blocks = [sensor.read(1.0) for _ in range(5)]
    sensor.close()
    assert all(block is not None for block in blocks)
    starts = [block.start_ns - START_NS for block in blocks if block is not None]
    assert starts == [s * 10**9 for s in (16, 18, 20, 22, 24)]
    gaps = [block.gap_before for block in blocks if block is not None]
    assert gaps == [False, False, True, False, True]


def test_time_may_be_moved_to_now(continuous: Path) -> None:
    blocks = rest(opened(continuous, stamps="now"))
    assert blocks[0].start_ns == pytest.approx(time.time_ns(), abs=PATIENCE_NS)
    assert blocks[1].start_ns - blocks[0].start_ns == 10**9


def test_in_the_recorded_rhythm_now_is_of_the_clock_that_nobody_sets(continuous: Path) -> None:
    sensor = opened(continuous, stamps="now", speed=1.0)
    assert sensor.info.clock == "boot"
    block = sensor.read(1.5)
    sensor.close()
    assert block is not None
    now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert 10**9 <= now_ns - block.start_ns < PATIENCE_NS
    assert opened(continuous, stamps="kept", speed=1.0).info.clock == "source"


def test_a_stall_while_it_opens_puts_no_samples_ahead_of_time(
    continuous: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = time.clock_gettime_ns

    def stalled(which: int) -> int:
        time.sleep(0.1)
        return clock(which)

    monkeypatch.setattr(time, "clock_gettime_ns", stalled)
    sensor = opened(continuous, stamps="now", speed=1.0)
    block = sensor.read(1.5)
    sensor.close()
    assert block is not None
    assert clock(time.CLOCK_BOOTTIME) - block.start_ns >= 10**9


def test_it_keeps_the_recorded_rhythm(continuous: Path) -> None:
    sensor = opened(continuous, speed=5.0)  # 2.5 s in half a second
    started = time.monotonic()
    assert sensor.read(0.01) is None
    assert len(rest(sensor)) == 3
    assert time.monotonic() - started > 0.49


def test_what_the_format_does_not_state_comes_from_the_options(tmp_path: Path) -> None:
    path = tmp_path / "bare.npy"
    np.save(path, np.zeros((4000, 1), np.float32))
    sensor = opened(path, rate_hz=8000, unit="g", decimate=4)
    assert (sensor.info.rate_hz, sensor.info.unit) == (2000, "g")
    sensor.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"range": "50:"}, r"range '50:' holds nothing, the recording has 10 bursts"),
        ({"channels": ["w"]}, "w"),
        ({"path": "/nonexistent/recording.npz"}, "does not exist"),
    ],
)
def test_what_cannot_be_replayed_is_a_sensor_error(
    bursts: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(SensorError, match=message):
        opened(bursts, **options)


def test_a_range_beyond_a_continuous_recording_is_refused(continuous: Path) -> None:
    with pytest.raises(SensorError, match="the recording has 2500 samples"):
        opened(continuous, range="9999:", loop=True)


def test_damage_that_shows_late_is_a_sensor_error(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.mkdir()
    for second in range(3):
        (path / f"2004.02.12.10.32.{second:02}").write_text("0.1\t0.2\n" * 20480)
    (path / "2004.02.12.10.32.02").write_text("broken\n")
    sensor = opened(path)
    with pytest.raises(SensorError, match=r"2004\.02\.12\.10\.32\.02"):
        rest(sensor)
    sensor.close()


@pytest.mark.parametrize("text", ["", "5", "5:5", "9:3", "a:b", "-1:", "1:2:3"])
def test_a_range_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=f"range is '{text}', allowed"):
        msgspec.convert({"path": "x", "range": text}, ReplayOptions)


def test_it_must_be_open_to_be_read(bursts: Path) -> None:
    sensor = opened(bursts)
    sensor.close()
    with pytest.raises(SensorError, match="not open"):
        sensor.read(0.0)
    with pytest.raises(SensorError, match="not open"):
        _ = sensor.info
