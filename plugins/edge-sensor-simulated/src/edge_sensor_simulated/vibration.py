"""Acceleration on the housing of a machine with a rolling bearing.

After McFadden and Smith, "Model for the vibration produced by a single point defect in a rolling
element bearing", Journal of Sound and Vibration 96 (1984) 69-82, the sum of

* impulses at the rate at which balls pass the spall: BPFO for the outer ring, BPFI for the inner,
  twice BSF for a ball. Each rings one resonance of the structure, a decaying sine. Its strength
  follows the load on the spall: Stribeck's distribution over the loaded half of the ring, which
  an inner spall passes once a turn and a ball with the cage (FTF), while an outer one stays at
  its middle. Balls slip, so each impulse is a little early or late, independently of the others,
  and strengths scatter by 10 %;
* unbalance at the shaft's rate and misalignment at twice that;
* broadband noise of the running machine, and the sensor's own.

Impulses and noise are proportional to the load. A machine that stands still leaves the sensor's
noise and gravity. Further channels see the impulses weaker by a fifth each, the shaft's vibration
turned by a quarter, and noise of their own.

Left out: transmission paths that turn with the shaft, more than one resonance, changes of speed.

Every sample depends on the machine and its own time only: any stretch can be computed by itself,
and blocks join without a seam, bit by bit.
"""

import math

import numpy as np
from numpy.typing import NDArray

from edge_sensor_simulated.chance import normal
from edge_sensor_simulated.impulses import ringing
from edge_sensor_simulated.machine import Machine

_CHANNEL_GAIN = 0.8


def simulate(
    machine: Machine, *, rate_hz: float, length: int, start_s: float = 0.0, channels: int = 1
) -> NDArray[np.float32]:
    """Return consecutive samples in g.

    Args:
        machine: what vibrates.
        rate_hz: samples per second.
        length: samples per channel.
        start_s: simulated time of the first, rounded to a whole sample.
        channels: how many.

    Returns:
        float32 (length, channels).

    Raises:
        ValueError: the resonance does not fit the sampling rate.
    """
    first = round(start_s * rate_hz)
    time_s = (first + np.arange(length)) / rate_hz
    turns = machine.shaft_hz * time_s
    angle = (2 * np.pi * (turns - np.floor(turns))).astype(np.float32)
    running = _running(machine, time_s)
    load = _load(machine, time_s) * running
    struck = ringing(machine, rate_hz, first, length).astype(np.float32) * load
    # Independent normal noises add up to one whose variance is the sum of theirs.
    noise_g = np.sqrt((machine.noise_g * load) ** 2 + np.float32(machine.floor_g) ** 2)
    samples = np.empty((length, channels), np.float32)
    for channel in range(channels):
        quarter = channel * math.pi / 2
        moving = _CHANNEL_GAIN**channel * struck
        moving += machine.unbalance_g * np.sin(angle + quarter)
        moving += machine.misalignment_g * np.sin(2 * (angle + quarter))
        moving *= running
        moving += noise_g * normal(machine.seed, channel, first, length)
        samples[:, channel] = moving + np.float32(machine.gravity_g)
    return samples


def simulate_bursts(
    machine: Machine,
    *,
    rate_hz: float,
    length: int,
    period_s: float,
    count: int,
    start_s: float = 0.0,
    channels: int = 1,
) -> NDArray[np.float32]:
    """Return ``count`` bursts of ``length`` samples, one each ``period_s``, in g.

    Returns:
        float32 (count, length, channels).

    Raises:
        ValueError: as for ``simulate``.
    """
    bursts = np.empty((count, length, channels), np.float32)
    for number in range(count):
        bursts[number] = simulate(
            machine,
            rate_hz=rate_hz,
            length=length,
            start_s=start_s + number * period_s,
            channels=channels,
        )
    return bursts


def _running(machine: Machine, time_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return 0 where the machine stands still and 1 elsewhere."""
    running = np.ones(len(time_s), np.float32)
    for begin_s, end_s in machine.idle:
        running[(time_s >= begin_s) & (time_s < end_s)] = 0.0
    return running


def _load(machine: Machine, time_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the load on the bearing relative to the nominal one."""
    swing = machine.load_swing * np.sin(2 * np.pi / machine.load_swing_s * time_s)
    load: NDArray[np.float32] = (machine.load * (1 + swing)).astype(np.float32)
    return load
