"""A simulated machine as a recording file."""

import math
from pathlib import Path

from edge_sensor_simulated.machine import Machine
from edge_sensor_simulated.vibration import simulate, simulate_bursts


def record(
    path: Path,
    machine: Machine,
    *,
    rate_hz: float,
    duration_s: float,
    burst: tuple[int, float] | None = None,
    start_s: float = 0.0,
    channels: tuple[str, ...] = ("x",),
    start_ns: int = 0,
) -> None:
    """Write an .npz recording in g: continuous, or bursts where ``burst`` is given.

    Args:
        path: must end in .npz.
        machine: what vibrates.
        rate_hz: samples per second and channel.
        duration_s: simulated time that the recording covers.
        burst: samples per burst and channel, and seconds from burst to burst.
        start_s: simulated time at which the recording begins.
        channels: names.
        start_ns: time of the first sample, nanoseconds since the Unix epoch.

    Raises:
        ValueError: as for ``simulate``.
        RecordingError: the file cannot be written.
    """
    # The sensor does without: reading every format takes a gateway a while to import.
    from edge_agent.recordings import write_recording

    if burst is None:
        samples = simulate(
            machine,
            rate_hz=rate_hz,
            length=round(duration_s * rate_hz),
            start_s=start_s,
            channels=len(channels),
        )
    else:
        samples = simulate_bursts(
            machine,
            rate_hz=rate_hz,
            length=burst[0],
            period_s=burst[1],
            count=math.floor(duration_s / burst[1]),
            start_s=start_s,
            channels=len(channels),
        )
    write_recording(
        path,
        samples,
        rate_hz=rate_hz,
        unit="g",
        channels=channels,
        start_ns=start_ns,
        period_s=None if burst is None else burst[1],
    )
