"""One device below ``/sys/bus/iio/devices``: its channels, rate, trigger and buffer."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.plugin import SensorError
from edge_sensor_iio.scan import ScanElement, ScanType, ScanTypeError
from edge_sensor_iio.sysfs import Settings, read, read_number

_RATE_TOLERANCE = 0.005
_RANGE = re.compile(r"\[\s*(\S+)\s+(\S+)\s+(\S+)\s*\]")
_AXIS_ORDER = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True, slots=True)
class Scale:
    """``value = scale * (raw + offset)`` in m/s2 for acceleration, in mV for voltage."""

    scale: float
    offset: float


class IioDevice:
    """The attributes of one device."""

    def __init__(self, folder: Path) -> None:
        """Take the device whose attributes are in ``folder``."""
        self.folder = folder

    @classmethod
    def find(cls, root_sys: Path, wanted: str) -> "IioDevice":
        """Find a device by its ``name`` or as ``iio:deviceN``.

        Raises:
            SensorError: there is none, or several have this name.
        """
        folders = sorted(root_sys.glob("iio:device*"))
        names = {folder: read(folder / "name") for folder in folders if (folder / "name").exists()}
        found = [f for f in folders if f.name == wanted or names.get(f) == wanted]
        if len(found) == 1:
            return cls(found[0])
        if found:
            raise SensorError(
                f"device: found {wanted!r} {len(found)} times, want one of "
                f"{', '.join(folder.name for folder in found)}"
            )
        have = ", ".join(f"{f.name} ({names.get(f, 'no name')})" for f in folders) or "none"
        raise SensorError(f"device: found no {wanted!r} in {root_sys}, there is: {have}")

    def scan_names(self) -> list[str]:
        """Return the names of all scan elements, such as ``accel_x`` and ``timestamp``."""
        files = (self.folder / "scan_elements").glob("in_*_en")
        return sorted(file.name.removeprefix("in_").removesuffix("_en") for file in files)

    def choose(self, channels: Sequence[str]) -> list[str]:
        """Return the scan elements that ``channels`` mean; none means every accelerometer axis.

        Raises:
            SensorError: the device has no such element, or one is asked for twice.
        """
        have = self.scan_names()
        axes = [name for name in have if re.fullmatch(r"accel_[a-z]", name)]
        if not channels:
            chosen = sorted(axes, key=lambda name: _AXIS_ORDER.get(name[-1], len(_AXIS_ORDER)))
        else:
            chosen = [f"accel_{name}" if f"accel_{name}" in axes else name for name in channels]
        unknown = sorted({*chosen} - ({*have} - {"timestamp"}))
        if unknown or not chosen or len(set(chosen)) != len(chosen):
            raise SensorError(
                f"channels: found {list(channels)}, want different ones of "
                f"{[name for name in have if name != 'timestamp']} ({self.folder.name})"
            )
        return chosen

    def enable(self, names: Sequence[str], settings: Settings) -> list[ScanElement]:
        """Enable exactly ``names`` and return them as the driver describes them.

        Raises:
            SensorError: the driver refuses, or describes an element that cannot be decoded.
        """
        folder = self.folder / "scan_elements"
        for name in self.scan_names():
            if name not in names:
                settings.set(folder / f"in_{name}_en", "0")
        for name in names:
            settings.set(folder / f"in_{name}_en", "1")
        enabled = [name for name in self.scan_names() if read(folder / f"in_{name}_en") == "1"]
        if sorted(enabled) != sorted(names):
            raise SensorError(
                f"{folder}: asked for {sorted(names)}, the driver enabled {sorted(enabled)}"
            )
        return [self._element(folder, name) for name in names]

    def _element(self, folder: Path, name: str) -> ScanElement:
        path = folder / f"in_{name}_type"
        try:
            kind = ScanType.parse(read(path))
        except ScanTypeError as error:
            raise SensorError(f"{path}: {error}") from error
        return ScanElement(name, int(read_number(folder / f"in_{name}_index")), kind)

    def scale(self, name: str) -> Scale:
        """Return scale and offset of a channel, its own or those of its kind.

        Raises:
            SensorError: it has no scale, or one that is no finite number other than 0.
        """
        path = self._attribute(name, "scale")
        if path is None:
            raise SensorError(
                f"{self.folder}: found no in_{name}_scale and no in_{_kind(name)}_scale"
            )
        scale = read_number(path)
        if not (math.isfinite(scale) and scale != 0):
            raise SensorError(f"{path}: found {scale}, want a finite number other than 0")
        offset = self._attribute(name, "offset")
        return Scale(scale, read_number(offset) if offset else 0.0)

    def _attribute(self, name: str, what: str) -> Path | None:
        files = (f"in_{name}_{what}", f"in_{_kind(name)}_{what}", what)
        return next((self.folder / f for f in files if (self.folder / f).exists()), None)

    def set_trigger(self, trigger: str, settings: Settings) -> None:
        """Make the trigger of that name the device's.

        Raises:
            SensorError: there is none, or the driver refuses it.
        """
        names = self.triggers()
        if trigger not in names:
            raise SensorError(f"trigger: found {trigger!r}, want one of {names}")
        settings.set(self.folder / "trigger" / "current_trigger", trigger)

    def triggers(self) -> list[str]:
        """Return the names of all triggers there are."""
        return sorted(read(path) for path in self.folder.parent.glob("trigger*/name"))

    def set_rate(self, name: str, rate_hz: float | None, settings: Settings) -> float:
        """Set the sampling frequency, or leave it where None, and return what the device has.

        Raises:
            SensorError: the device cannot sample at this rate, or states none.
        """
        path = self._attribute(name, "sampling_frequency") or self._trigger_rate()
        if path is None:
            if rate_hz is None:
                raise SensorError(
                    f"rate_hz: {self.folder.name} states no sampling_frequency, want a number"
                )
            return rate_hz
        if rate_hz is None:
            return read_number(path)
        allowed = self._available(path)
        settings.set(path, _closest(rate_hz, allowed))
        found_hz = read_number(path)
        if abs(found_hz - rate_hz) > _RATE_TOLERANCE * rate_hz:
            raise SensorError(
                f"rate_hz: asked for {rate_hz:g}, {path} says {found_hz:g}; "
                f"allowed: {allowed or 'not stated by the driver'}"
            )
        return found_hz

    def _trigger_rate(self) -> Path | None:
        # A timer trigger carries the rate where the device itself has none.
        current = self.folder / "trigger" / "current_trigger"
        name = read(current) if current.exists() else ""
        for path in self.folder.parent.glob("trigger*/name"):
            if name and read(path) == name and (path.parent / "sampling_frequency").exists():
                return path.parent / "sampling_frequency"
        return None

    @staticmethod
    def _available(path: Path) -> str:
        file = path.with_name(path.name + "_available")
        return read(file) if file.exists() else ""


def _closest(rate_hz: float, allowed: str) -> str:
    """Return the rate as the driver writes it; one that is not ``allowed`` is refused."""
    spelled = f"{rate_hz:.6f}".rstrip("0").rstrip(".")
    span = _RANGE.fullmatch(allowed)
    try:
        if span is not None:
            lowest, _, highest = (float(number) for number in span.groups())
            fits = [spelled] if lowest <= rate_hz <= highest else []
        else:
            near = (text for text in allowed.split() if _near(float(text), rate_hz))
            fits = list(near) if allowed else [spelled]
    except ValueError:
        fits = [spelled]  # the driver's own words; the value read back decides
    if not fits:
        raise SensorError(f"rate_hz: found {rate_hz:g}, allowed: {allowed}")
    return min(fits, key=lambda text: abs(float(text) - rate_hz))


def _near(one_hz: float, other_hz: float) -> bool:
    return abs(one_hz - other_hz) <= _RATE_TOLERANCE * other_hz


def _kind(name: str) -> str:
    return re.sub(r"\d", "", name).split("_")[0]
