"""What can be set in ``[asset.sensor.options]``."""

from typing import Annotated, Literal

import msgspec

Positive = Annotated[float, msgspec.Meta(gt=0)]


class IioOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the sensor ``iio``.

    Attributes:
        device: content of the device's ``name`` file, or ``iio:deviceN``.
        channels: scan elements without ``in_`` and, for accelerometers, without ``accel_``:
            ``["x", "z"]``, ``["voltage0"]``. Empty: every axis the accelerometer has.
        rate_hz: sampling frequency to set; None leaves the device's.
        trigger: name of the trigger to use; None leaves the device's.
        length: samples per block and channel.
        unit: unit of the samples.
        sensitivity_mv_per_g: of an analogue accelerometer behind a converter; required for
            voltage channels and refused for others.
        buffer_s: seconds of samples that the kernel keeps while nobody reads.
        gap_periods: a step between two time stamps above this many sampling periods is a gap.
            Drivers that stamp a whole FIFO load at once need more than its length.
        root_sys: where the kernel lists the devices.
        root_dev: where the device nodes are.
    """

    device: Annotated[str, msgspec.Meta(min_length=1)]
    channels: tuple[str, ...] = ()
    rate_hz: Positive | None = None
    trigger: str | None = None
    length: Annotated[int, msgspec.Meta(ge=1)] = 1024
    unit: Literal["g", "m/s2"] = "g"
    sensitivity_mv_per_g: Positive | None = None
    buffer_s: Positive = 4.0
    gap_periods: Annotated[float, msgspec.Meta(gt=1)] = 1.5
    root_sys: str = "/sys/bus/iio/devices"
    root_dev: str = "/dev"
