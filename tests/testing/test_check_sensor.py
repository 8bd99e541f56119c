"""Every promise of the sensor protocol is broken once by a plugin, and the kit names it."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.plugin import (
    SENSOR_API_VERSION,
    Block,
    EndOfData,
    Sensor,
    SensorError,
    SensorInfo,
)
from edge_agent.testing import ConformanceError, blocks, check_sensor, clock, declaration, reading
from edge_agent.testing import sensor as sensor_check

RATE_HZ = 1000.0
LENGTH = 100
STEP_NS = 100_000_000


class Options(msgspec.Struct, forbid_unknown_fields=True):
    path: str = ""


class LaxOptions(msgspec.Struct):
    path: str = ""


class Faultless:
    """Delivers without waiting, and is the parent of all that are broken in one way."""

    api_version: ClassVar[int] = SENSOR_API_VERSION
    version: ClassVar[str] = "1"
    options: ClassVar[type[msgspec.Struct]] = Options

    def __init__(self, options: msgspec.Struct) -> None:
        self.count = 0

    @property
    def info(self) -> SensorInfo:
        return SensorInfo(("x", "y"), RATE_HZ, "g", clock="source")

    def open(self) -> None:
        self.count = 0

    def read(self, timeout_s: float) -> Block | None:
        self.count += 1
        return self.block(np.zeros((LENGTH, 2), np.float32), self.count * STEP_NS)

    def block(self, samples: object, start_ns: object, **other: object) -> Block:
        facts: dict[str, Any] = {"rate_hz": RATE_HZ, "unit": "g", "channels": ("x", "y"), **other}
        return Block(samples=samples, start_ns=start_ns, **facts)  # type: ignore[arg-type]

    def close(self) -> None:
        pass


def broken(**members: object) -> type[Sensor]:
    return type("Broken", (Faultless,), members)


def delivering(make: Callable[[Faultless, int], object]) -> type[Sensor]:
    """Return a sensor whose n-th block is ``make(sensor, n)``."""

    def read(self: Faultless, timeout_s: float) -> object:
        self.count += 1
        return make(self, self.count)

    return broken(read=read)


def promise_broken_by(plugin: type[Sensor], within_s: float = 30.0) -> str:
    with pytest.raises(ConformanceError) as caught:
        check_sensor(plugin, {}, within_s=within_s)
    assert str(caught.value) == f"{caught.value.promise}: {caught.value.found}"
    return caught.value.promise


def samples(value: float = 0.0, shape: tuple[int, ...] = (LENGTH, 2)) -> NDArray[np.float32]:
    return np.full(shape, value, np.float32)


def test_a_faultless_sensor_passes() -> None:
    check_sensor(Faultless, {})


def test_a_sensor_that_ends_passes_when_it_goes_on_ending() -> None:
    def read(self: Faultless, timeout_s: float) -> Block | None:
        if self.count == 2:
            raise EndOfData
        return Faultless.read(self, timeout_s)

    check_sensor(broken(read=read), {})


def test_bursts_may_lie_a_period_apart() -> None:
    info = property(lambda self: SensorInfo(("x", "y"), RATE_HZ, "g", None, 600.0, "source"))

    def read(self: Faultless, timeout_s: float) -> Block:
        self.count += 1
        return Faultless.block(self, samples(), self.count * 600 * 10**9)

    check_sensor(broken(info=info, read=read), {})


def test_a_gap_excuses_a_jump_in_time() -> None:
    check_sensor(delivering(lambda s, n: s.block(samples(), n * n * STEP_NS, gap_before=n > 1)), {})


def test_a_busy_host_may_stamp_a_block_late() -> None:
    late_ns = 4 * STEP_NS // 10
    check_sensor(delivering(lambda s, n: s.block(samples(), n * STEP_NS + late_ns * (n == 3))), {})


@pytest.mark.parametrize(
    ("members", "promise"),
    [
        ({"api_version": 99}, declaration.MATCHES_API),
        ({"version": ""}, declaration.HAS_VERSION),
        ({"options": dict}, declaration.HAS_OPTIONS),
        ({"options": LaxOptions}, declaration.HAS_OPTIONS),
    ],
)
def test_the_declaration_is_checked(members: dict[str, Any], promise: str) -> None:
    assert promise_broken_by(broken(**members)) == promise


def test_a_missing_method_is_named() -> None:
    class NoRead:
        api_version = SENSOR_API_VERSION
        version = "1"
        options = Options
        info = None
        open = close = staticmethod(lambda: None)

    with pytest.raises(ConformanceError, match="missing read"):
        check_sensor(NoRead, {})  # type: ignore[arg-type]


def test_options_that_do_not_fit_are_named() -> None:
    with pytest.raises(ConformanceError, match=declaration.ACCEPTS_OPTIONS):
        check_sensor(Faultless, {"path": 5})


def test_a_struct_that_swallows_unknown_options_is_caught() -> None:
    class Swallowing(Options):
        no_such_option: int = 0

    assert promise_broken_by(broken(options=Swallowing)) == declaration.REFUSES_UNKNOWN


def test_a_constructor_that_opens_a_file_is_caught(tmp_path: Path) -> None:
    device = tmp_path / "device"
    device.write_text("")

    def construct(self: Faultless, options: msgspec.Struct) -> None:
        device.read_text()

    assert promise_broken_by(broken(__init__=construct)) == sensor_check.LEAVES_DEVICE_ALONE


def test_a_constructor_that_starts_a_thread_is_caught() -> None:
    stop = threading.Event()

    def construct(self: Faultless, options: msgspec.Struct) -> None:
        threading.Thread(target=stop.wait).start()

    try:
        assert promise_broken_by(broken(__init__=construct)) == sensor_check.LEAVES_DEVICE_ALONE
    finally:
        stop.set()


def test_a_constructor_may_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_by_a_constructor.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)

    def construct(self: Faultless, options: msgspec.Struct) -> None:
        __import__("imported_by_a_constructor")

    check_sensor(broken(__init__=construct), {})


@pytest.mark.parametrize(
    "info",
    [
        None,
        SensorInfo((), RATE_HZ, "g"),
        SensorInfo(("x", "x"), RATE_HZ, "g"),
        SensorInfo(("x",), 0.0, "g"),
        SensorInfo(("x",), float("nan"), "g"),
        SensorInfo(("x",), RATE_HZ, ""),
        SensorInfo(("x",), RATE_HZ, "g", range_max=-1.0),
    ],
)
def test_an_info_that_describes_nothing_is_caught(info: object) -> None:
    assert promise_broken_by(broken(info=info)) == blocks.INFO_IS_VALID


@pytest.mark.parametrize(
    ("make", "promise"),
    [
        (lambda s, n: samples(), blocks.IS_BLOCK),
        (lambda s, n: s.block(np.zeros((LENGTH, 2)), n * STEP_NS), blocks.IS_FLOAT32),
        (lambda s, n: s.block([[0.0, 0.0]], n * STEP_NS), blocks.IS_FLOAT32),
        (lambda s, n: s.block(samples(shape=(LENGTH,)), n * STEP_NS), blocks.IS_SHAPED),
        (lambda s, n: s.block(samples(shape=(2, LENGTH)), n * STEP_NS), blocks.IS_SHAPED),
        (lambda s, n: s.block(samples(shape=(0, 2)), n * STEP_NS), blocks.IS_SHAPED),
        (
            lambda s, n: s.block(samples(shape=(2, LENGTH)).T, n * STEP_NS),
            blocks.IS_CONTIGUOUS,
        ),
        (lambda s, n: s.block(samples(float("nan")), n * STEP_NS), blocks.IS_FINITE),
        (lambda s, n: s.block(samples(), n * 0.1), blocks.HAS_WHOLE_NANOSECONDS),
        (lambda s, n: s.block(samples(), n * STEP_NS, unit="V"), blocks.AGREES_WITH_INFO),
        (lambda s, n: s.block(samples(), n * STEP_NS, rate_hz=1.0), blocks.AGREES_WITH_INFO),
        (
            lambda s, n: s.block(samples(), n * STEP_NS, channels=("a", "b")),
            blocks.AGREES_WITH_INFO,
        ),
        (lambda s, n: s.block(samples(), -n * STEP_NS), clock.NEVER_BACKWARDS),
        (lambda s, n: s.block(samples(), 5), clock.NEVER_BACKWARDS),
        (lambda s, n: s.block(samples(), n * STEP_NS // 1000), clock.MATCHES_RATE),
        (lambda s, n: s.block(samples(), 2 * n * STEP_NS), clock.MATCHES_RATE),
        (lambda s, n: s.block(samples(), (n + (n > 3)) * STEP_NS), clock.MATCHES_RATE),
        (lambda s, n: s.block(samples(), int(1.3 * n * STEP_NS)), clock.MATCHES_RATE),
    ],
)
def test_a_block_that_breaks_a_promise_is_caught(
    make: Callable[[Faultless, int], object], promise: str
) -> None:
    assert promise_broken_by(delivering(make)) == promise


def test_bursts_that_come_too_fast_are_caught() -> None:
    info = property(lambda self: SensorInfo(("x", "y"), RATE_HZ, "g", None, 600.0, "source"))
    assert promise_broken_by(broken(info=info)) == clock.MATCHES_PERIOD


@pytest.mark.parametrize("off_s", [10.0, -2 * 3600.0])
def test_times_of_another_clock_are_caught(off_s: float) -> None:
    def make(sensor: Faultless, n: int) -> Block:
        now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        return sensor.block(samples(), round((now_s + off_s) * 1e9) + n * STEP_NS)

    live = property(lambda self: SensorInfo(("x", "y"), RATE_HZ, "g"))
    sensor = type("Live", (delivering(make),), {"info": live})
    assert promise_broken_by(sensor) == clock.IS_BOOT_TIME


def test_a_read_that_ignores_its_timeout_is_caught() -> None:
    def read(self: Faultless, timeout_s: float) -> None:
        time.sleep(timeout_s + reading.SLACK_S + 0.1)

    assert promise_broken_by(broken(read=read)) == reading.RETURNS_IN_TIME


def test_a_read_that_gives_up_at_once_is_caught() -> None:
    assert promise_broken_by(delivering(lambda s, n: None)) == reading.WAITS_ITS_TIME


def test_a_sensor_that_never_delivers_is_caught() -> None:
    def read(self: Faultless, timeout_s: float) -> None:
        time.sleep(timeout_s)

    assert promise_broken_by(broken(read=read), within_s=0.3) == sensor_check.DELIVERS_BLOCKS


def test_an_end_before_the_first_block_is_caught() -> None:
    def read(self: Faultless, timeout_s: float) -> Block:
        raise EndOfData

    assert promise_broken_by(broken(read=read)) == sensor_check.DELIVERS_BLOCKS


def test_a_sensor_that_goes_on_after_its_end_is_caught() -> None:
    def make(self: Faultless, n: int) -> Block:
        if n == 2:
            raise EndOfData
        return Faultless.block(self, samples(), n * STEP_NS)

    assert promise_broken_by(delivering(make)) == sensor_check.ENDS_FOR_GOOD


def test_a_sensor_error_is_passed_on_with_its_text() -> None:
    def fail(self: Faultless) -> None:
        raise SensorError("no such device")

    with pytest.raises(ConformanceError, match="open raised SensorError: no such device"):
        check_sensor(broken(open=fail), {})


@pytest.mark.parametrize("step", ["open", "read"])
def test_another_exception_than_sensor_error_is_caught(step: str) -> None:
    def fail(self: Faultless, *arguments: object) -> None:
        raise KeyError(step)

    assert promise_broken_by(broken(**{step: fail})) == reading.FAILS_BY_SENSOR_ERROR


def test_a_close_that_works_once_only_is_caught() -> None:
    def close(self: Faultless) -> None:
        del self.count

    assert promise_broken_by(broken(close=close)) == sensor_check.CLOSES_TWICE


def test_a_sensor_that_cannot_be_opened_again_is_caught() -> None:
    times: list[int] = []

    def opened(self: Faultless) -> None:
        self.count = 0
        if times:
            raise SensorError("open already")
        times.append(1)

    assert promise_broken_by(broken(open=opened)) == reading.WORKS_HERE


def test_a_descriptor_left_open_is_caught() -> None:
    left: list[int] = []

    def opened(self: Faultless) -> None:
        self.count = 0
        left.extend(os.pipe())

    try:
        with pytest.raises(ConformanceError, match="descriptor") as caught:
            check_sensor(broken(open=opened), {})
    finally:
        for descriptor in left:
            os.close(descriptor)
    assert caught.value.promise == sensor_check.LEAVES_NOTHING


def test_a_thread_left_running_is_caught() -> None:
    stop = threading.Event()

    def opened(self: Faultless) -> None:
        self.count = 0
        threading.Thread(target=stop.wait, name="sampler").start()

    try:
        with pytest.raises(ConformanceError, match="thread 'sampler'") as caught:
            check_sensor(broken(open=opened), {})
    finally:
        stop.set()
    assert caught.value.promise == sensor_check.LEAVES_NOTHING
