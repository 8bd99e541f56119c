"""Reading with a stop watch: how long ``read`` takes and how it fails."""

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from edge_agent.plugin import Block, EndOfData, Sensor, SensorError
from edge_agent.testing.conformance import ConformanceError

RETURNS_IN_TIME = "read returns within timeout_s"
WAITS_ITS_TIME = "read waits for timeout_s before it returns None"
FAILS_BY_SENSOR_ERROR = "a sensor fails with SensorError and nothing else"
WORKS_HERE = "the sensor works with the given options"

# A busy machine delays a thread; a read that ignores its timeout blocks for far longer.
SLACK_S = 0.5

_P = ParamSpec("_P")
_T = TypeVar("_T")


def call(step: str, function: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
    """Call ``function``; anything but its value or EndOfData is a ConformanceError."""
    try:
        return function(*arguments, **named)
    except EndOfData:
        raise
    except SensorError as error:
        raise ConformanceError(WORKS_HERE, f"{step} raised SensorError: {error}") from error
    except Exception as error:
        # The kit exists to name whatever a plugin raises.
        raise ConformanceError(
            FAILS_BY_SENSOR_ERROR, f"{step} raised {type(error).__name__}: {error}"
        ) from error


def timed_read(sensor: Sensor, timeout_s: float) -> Block | None:
    """Return what ``sensor.read(timeout_s)`` returns.

    Raises:
        EndOfData: the sensor raised it.
        ConformanceError: it took too long, gave up too early, or failed.
    """
    started = time.monotonic()
    block = call("read", sensor.read, timeout_s)
    took_s = time.monotonic() - started
    if took_s > timeout_s + SLACK_S:
        raise ConformanceError(RETURNS_IN_TIME, f"took {took_s:.2f} s of {timeout_s} s")
    if block is None and took_s < timeout_s / 2:
        raise ConformanceError(
            WAITS_ITS_TIME, f"returned None after {took_s:.3f} s of {timeout_s} s"
        )
    return block
