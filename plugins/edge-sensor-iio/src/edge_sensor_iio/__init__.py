"""Accelerometers and converters that Linux offers through its Industrial I/O subsystem."""

from edge_sensor_iio.options import IioOptions
from edge_sensor_iio.sensor import IioSensor

__all__ = ["IioOptions", "IioSensor"]
