"""The sensor ``iio``: sets a device up, reads its triggered buffer, puts everything back."""

import os
import time
from pathlib import Path
from typing import ClassVar

import msgspec

from edge_agent.plugin import SENSOR_API_VERSION, Block, SensorError, SensorInfo
from edge_sensor_iio.clock import BootOffset, CountedPacer, Pacer, StampedPacer
from edge_sensor_iio.device import IioDevice, Scale
from edge_sensor_iio.options import IioOptions
from edge_sensor_iio.scan import ScanElement, ScanLayout
from edge_sensor_iio.stream import TIMESTAMP, BlockStream, Scans, open_node
from edge_sensor_iio.sysfs import Settings, read, read_number

STANDARD_GRAVITY_M_S2 = 9.80665

_CLOCKS = {
    "realtime": time.CLOCK_REALTIME,
    "monotonic": time.CLOCK_MONOTONIC,
    "monotonic_raw": time.CLOCK_MONOTONIC_RAW,
    "boottime": time.CLOCK_BOOTTIME,
    "tai": time.CLOCK_TAI,
}


class IioSensor:
    """Samples of one IIO device; see the README for what it changes on the device."""

    api_version: ClassVar[int] = SENSOR_API_VERSION
    version: ClassVar[str] = "1"
    options: ClassVar[type[msgspec.Struct]] = IioOptions

    def __init__(self, options: IioOptions) -> None:
        """Keep the options; nothing is touched before ``open``."""
        self._options = options
        self._settings = Settings()
        self._enable: Path | None = None
        self._node: int | None = None
        self._info: SensorInfo | None = None
        self._stream: BlockStream | None = None

    @property
    def info(self) -> SensorInfo:
        """Channels, rate, unit and range as the device states them. Raises before ``open``."""
        if self._info is None:
            raise self._not_open()
        return self._info

    def open(self) -> None:
        """Take the device node, set the device up and enable its buffer.

        Raises:
            SensorError: there is no such device, it is in use, or refuses a setting.
        """
        self.close()
        try:
            self._open()
        except SensorError:
            self.close()
            raise

    def _open(self) -> None:
        options, settings = self._options, self._settings
        device = IioDevice.find(Path(options.root_sys), options.device)
        names = device.choose(options.channels)
        # The node comes first: the kernel grants it to one program only, so that the settings of
        # whoever samples already stay untouched.
        self._node = open_node(Path(options.root_dev) / device.folder.name)
        self._enable = device.folder / "buffer" / "enable"
        Settings.write(self._enable, "0")
        if options.trigger is not None:
            device.set_trigger(options.trigger, settings)
        rate_hz = device.set_rate(names[0], options.rate_hz, settings)
        stamped = TIMESTAMP in device.scan_names()
        if stamped:
            _prefer_boottime(device, settings)
        elements = device.enable([*names, TIMESTAMP] if stamped else names, settings)
        measuring = [element for element in elements if element.name != TIMESTAMP]
        scales = [self._scale(device, element) for element in measuring]
        scans = Scans(ScanLayout(elements), names, scales, stamped)
        self._info = self._describe(scans, measuring, rate_hz)
        held = self._set_buffer(device, rate_hz)
        self._start(device)
        pacer: Pacer
        if stamped:
            pacer = StampedPacer(rate_hz, options.gap_periods, BootOffset(_clock(device)))
        else:
            pacer = CountedPacer(rate_hz, held)
        self._stream = BlockStream(self._node, scans, pacer, self._info, options.length)

    def _describe(self, scans: Scans, measuring: list[ScanElement], rate_hz: float) -> SensorInfo:
        # The smallest channel's range: a sample there touches the end of what it can deliver.
        ranges = (
            abs(scale.scale) * (element.type.largest - abs(scale.offset))
            for scale, element in zip(scans.scales, measuring, strict=True)
        )
        names = tuple(name.removeprefix("accel_") for name in scans.elements)
        smallest = min(ranges)
        return SensorInfo(
            names, rate_hz, self._options.unit, range_max=smallest if smallest > 0 else None
        )

    def _scale(self, device: IioDevice, element: ScanElement) -> Scale:
        """Return the scale that leads to the wanted unit."""
        if element.type.repeat != 1:
            raise SensorError(
                f"channels: {element.name} has {element.type.repeat} values a scan, want 1"
            )
        given, millivolts_per_g = device.scale(element.name), self._options.sensitivity_mv_per_g
        if element.name.startswith("accel") and millivolts_per_g is None:
            per_g = STANDARD_GRAVITY_M_S2
        elif element.name.startswith("voltage") and millivolts_per_g is not None:
            per_g = millivolts_per_g
        else:
            raise SensorError(
                f"sensitivity_mv_per_g: found {millivolts_per_g} for {element.name}, want a number "
                "for voltage channels and none for accelerometers"
            )
        per_unit = per_g if self._options.unit == "g" else per_g / STANDARD_GRAVITY_M_S2
        return Scale(given.scale / per_unit, given.offset)

    def _set_buffer(self, device: IioDevice, rate_hz: float) -> int:
        """Set length and watermark; return the number of scans that the kernel holds."""
        folder, length = device.folder / "buffer", self._options.length
        self._settings.set(
            folder / "length", str(max(2 * length, round(rate_hz * self._options.buffer_s)))
        )
        if (folder / "watermark").exists():
            self._settings.set(folder / "watermark", str(length))
        return int(read_number(folder / "length"))

    @staticmethod
    def _start(device: IioDevice) -> None:
        try:
            Settings.write(device.folder / "buffer" / "enable", "1")
        except SensorError as error:
            current = device.folder / "trigger" / "current_trigger"
            if current.exists() and not read(current):
                raise SensorError(
                    f"{error}; it has no trigger, there is: {device.triggers()}"
                ) from error
            raise

    def read(self, timeout_s: float) -> Block | None:
        """Return the next block; a shorter one where samples are missing behind it.

        Raises:
            SensorError: the device is gone or not open.
        """
        if self._stream is None:
            raise self._not_open()
        try:
            return self._stream.read(timeout_s)
        except SensorError as error:
            raise SensorError(f"{self._options.device}: {error}") from error

    def close(self) -> None:
        """Disable the buffer, put every setting back and release the node."""
        self._stream = self._info = None
        if self._enable is not None:
            self._settings.stop(self._enable)
            self._enable = None
        self._settings.restore()
        if self._node is not None:
            os.close(self._node)
            self._node = None

    def _not_open(self) -> SensorError:
        return SensorError(f"{self._options.device}: the sensor is not open")


def _prefer_boottime(device: IioDevice, settings: Settings) -> None:
    """Have scans stamped by the clock that nobody sets: what jumps there is a gap."""
    path = device.folder / "current_timestamp_clock"
    if path.exists():
        settings.set(path, "boottime")


def _clock(device: IioDevice) -> int:
    path = device.folder / "current_timestamp_clock"
    if not path.exists():
        return time.CLOCK_REALTIME  # the only one before Linux 4.8
    name = read(path)
    if name not in _CLOCKS:
        raise SensorError(f"{path}: found {name!r}, want one of {sorted(_CLOCKS)}")
    return _CLOCKS[name]
