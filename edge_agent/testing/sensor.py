"""The conformance check of a sensor plugin."""

import time
from typing import Any

import msgspec

from edge_agent.plugin import SENSOR_API_VERSION, Block, EndOfData, Sensor, SensorInfo
from edge_agent.testing.blocks import check_block, check_info
from edge_agent.testing.clock import check_clock, check_now
from edge_agent.testing.conformance import ConformanceError
from edge_agent.testing.declaration import check_declaration
from edge_agent.testing.footprint import Footprint
from edge_agent.testing.reading import call, timed_read
from edge_agent.testing.touch import touches

LEAVES_DEVICE_ALONE = "the constructor does not touch the device"
CLOSES_TWICE = "close may be called twice and before open"
LEAVES_NOTHING = "close leaves no thread and no file descriptor behind"
DELIVERS_BLOCKS = "the sensor delivers blocks"
ENDS_FOR_GOOD = "after EndOfData every read raises EndOfData"

READ_TIMEOUT_S = 0.2


def check_sensor(
    plugin_class: type[Sensor],
    options: dict[str, Any],
    *,
    blocks: int = 5,
    within_s: float = 30.0,
) -> None:
    """Check that a sensor plugin keeps the promises of ``edge_agent.plugin.Sensor``.

    The sensor is opened, read and closed twice, with real time passing. A source that ends
    before ``blocks`` blocks is fine as long as it delivers one.

    Args:
        plugin_class: the entry point's target.
        options: options as they would come out of the configuration; with them the sensor
            must deliver finite samples.
        blocks: how many blocks to read each time.
        within_s: how long to wait for them each time.

    Raises:
        ConformanceError: a promise is broken; the message says which, and what was found.
    """
    configured = check_declaration(
        plugin_class,
        options,
        api_version=SENSOR_API_VERSION,
        members=("info", "open", "read", "close"),
    )
    before = Footprint.now()
    sensor = _construct(plugin_class, configured, before)
    _close(sensor)
    for _ in ("opened", "opened again"):
        _session(sensor, blocks, within_s)
        left = before.left_behind()
        if left:
            raise ConformanceError(LEAVES_NOTHING, ", ".join(left))


def _construct(plugin_class: type[Sensor], configured: msgspec.Struct, before: Footprint) -> Sensor:
    with touches() as touched:
        sensor = call("the constructor", plugin_class, configured)
    started = before.left_behind(patience_s=0.2)
    if touched or started:
        raise ConformanceError(LEAVES_DEVICE_ALONE, ", ".join([*touched, *started]))
    return sensor


def _session(sensor: Sensor, blocks: int, within_s: float) -> None:
    try:
        call("open", sensor.open)
        info = check_info(call("info", lambda: sensor.info))
        check_clock(_read(sensor, info, blocks, within_s), info)
    finally:
        _close(sensor)


def _read(sensor: Sensor, info: SensorInfo, count: int, within_s: float) -> list[Block]:
    deadline = time.monotonic() + within_s
    seen: list[Block] = []
    try:
        while len(seen) < count:
            block = timed_read(sensor, READ_TIMEOUT_S)
            if block is not None:
                seen.append(check_now(check_block(block, info), info))
            elif time.monotonic() > deadline:
                raise ConformanceError(DELIVERS_BLOCKS, f"{len(seen)} of {count} in {within_s} s")
        timed_read(sensor, 0.0)
    except EndOfData:
        if not seen:
            raise ConformanceError(DELIVERS_BLOCKS, "EndOfData came before the first") from None
        _check_end(sensor)
    return seen


def _check_end(sensor: Sensor) -> None:
    try:
        block = timed_read(sensor, 0.0)
    except EndOfData:
        return
    raise ConformanceError(ENDS_FOR_GOOD, f"the next read returned {type(block).__name__}")


def _close(sensor: Sensor) -> None:
    try:
        sensor.close()
        sensor.close()
    except Exception as error:
        # Whatever close raises breaks the promise.
        found = f"raised {type(error).__name__}: {error}"
        raise ConformanceError(CLOSES_TWICE, found) from error
