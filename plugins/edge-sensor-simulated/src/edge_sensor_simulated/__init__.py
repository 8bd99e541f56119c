"""A rolling bearing that can be broken on purpose: as a sensor, as arrays, as a recording."""

from edge_sensor_simulated.bearing import Bearing
from edge_sensor_simulated.defect import Defect
from edge_sensor_simulated.machine import Machine
from edge_sensor_simulated.options import SimulatedOptions
from edge_sensor_simulated.recording import record
from edge_sensor_simulated.sensor import SimulatedSensor
from edge_sensor_simulated.vibration import simulate, simulate_bursts

__all__ = [
    "Bearing",
    "Defect",
    "Machine",
    "SimulatedOptions",
    "SimulatedSensor",
    "record",
    "simulate",
    "simulate_bursts",
]
