"""The train of impulses that a spall sends through the structure."""

import math

import numpy as np
from numpy.typing import NDArray

from edge_sensor_simulated.chance import normal
from edge_sensor_simulated.machine import Machine

_SLIP_STREAM = 1 << 32
_STRENGTH_STREAM = 2 << 32
_SCATTER = 0.1
_RUNG_OUT = math.log(1000)


def ringing(machine: Machine, rate_hz: float, first: int, length: int) -> NDArray[np.float64]:
    """Return the sum of all impulses' responses at samples ``first`` ... , in g at nominal load.

    Returns:
        float64 (length,).
    """
    order = machine.defect.impulse_order(machine.bearing)
    end_s = (first + length) / rate_hz
    if not order or end_s <= machine.defect.onset_s:
        return np.zeros(length)
    natural = 2 * math.pi * machine.ringing_hz(rate_hz)
    decay = machine.damping * natural
    lasting = math.ceil(_RUNG_OUT / decay * rate_hz)
    spacing_s = 1 / (order * machine.shaft_hz)
    # One spacing more on either side holds what slip may move into the window.
    earliest = math.floor((first - lasting) / rate_hz / spacing_s) - 1
    number = np.arange(earliest, math.ceil(end_s / spacing_s) + 2)
    slipped = machine.slip * normal(machine.seed, _SLIP_STREAM, earliest, len(number))
    time_s = (number + slipped) * spacing_s
    peak_g = machine.defect.amplitude_g(time_s) * _load_zone(machine, time_s)
    peak_g *= np.exp(_SCATTER * normal(machine.seed, _STRENGTH_STREAM, earliest, len(number)))
    begin = np.ceil(time_s * rate_hz).astype(np.int64)
    sample = begin[:, None] + np.arange(lasting)
    since_s = sample / rate_hz - time_s[:, None]
    damped = natural * math.sqrt(1 - machine.damping**2)
    response = peak_g[:, None] * np.exp(-decay * since_s) * np.sin(damped * since_s)
    place = sample - first
    inside = (place >= 0) & (place < length)
    sums: NDArray[np.float64] = np.zeros(length)
    sums += np.bincount(place[inside], weights=response[inside], minlength=length)
    return sums


def _load_zone(machine: Machine, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the load on the spot: Stribeck's cos^(3/2) over the loaded half."""
    order = machine.defect.travel_order(machine.bearing)
    along = np.cos(2 * np.pi * order * machine.shaft_hz * time_s)
    share: NDArray[np.float64] = np.maximum(along, 0.0) ** 1.5
    return share
