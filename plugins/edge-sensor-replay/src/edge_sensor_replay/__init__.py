"""Any recording as a sensor."""

from edge_sensor_replay.options import ReplayOptions
from edge_sensor_replay.sensor import ReplaySensor

__all__ = ["ReplayOptions", "ReplaySensor"]
