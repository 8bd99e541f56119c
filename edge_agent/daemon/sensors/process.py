"""The process of one sensor: does what the agent orders, and ends with it.

``python -m edge_agent.daemon.sensors.process SOCKET MEMORY PARENT``: two file descriptors and the
agent's process id.
"""

import mmap
import os
import signal
import socket
import sys

import msgspec
import numpy as np

from edge_agent.daemon.sensors.isolation import (
    MEMORY_BYTES,
    MESSAGE_BYTES,
    TEXT_MAX,
    Answer,
    Close,
    Closed,
    Delivered,
    Ended,
    Failed,
    Nothing,
    Open,
    Opened,
    Order,
    Read,
    Ready,
)
from edge_agent.daemon.sensors.samples import check_samples
from edge_agent.plugin import EndOfData, PluginError, Sensor, SensorError, configure, load
from edge_agent.rollout.child import end_with


class SensorProcess:
    """Carries out orders, one after the other."""

    def __init__(self, memory: mmap.mmap) -> None:
        """Leave samples in ``memory``."""
        self._memory = memory
        self._sensor: Sensor | None = None

    def obey(self, order: Order) -> Answer:
        """Carry ``order`` out; whatever the plugin raises is an answer as well."""
        try:
            if isinstance(order, Open):
                return self._open(order)
            if isinstance(order, Read):
                return self._read(order.timeout_s)
            self._close()
        except EndOfData:
            return Ended()
        except PluginError as error:
            return Failed(str(error)[:TEXT_MAX], "plugin")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            return Failed(f"{type(error).__name__}: {error}"[:TEXT_MAX], "sensor")
        return Closed()

    def _open(self, order: Open) -> Answer:
        options = configure("sensors", order.plugin, order.options)
        self._sensor = load("sensors", order.plugin)(options)
        self._sensor.open()
        return Opened(self._sensor.version, self._sensor.info)

    def _read(self, timeout_s: float) -> Answer:
        if self._sensor is None:
            raise SensorError("the sensor is not open")
        block = self._sensor.read(timeout_s)
        if block is None:
            return Nothing()
        samples = check_samples(block, len(self._sensor.info.channels))
        place = np.frombuffer(self._memory, np.float32, samples.size).reshape(samples.shape)
        place[:] = samples
        rows, columns = samples.shape
        return Delivered(
            (rows, columns),
            block.start_ns,
            block.rate_hz,
            block.unit,
            block.channels,
            bool(block.gap_before),
        )

    def _close(self) -> None:
        if self._sensor is not None:
            self._sensor.close()


def main() -> None:
    """Obey until told to close, or until the agent is gone."""
    channel_fd, memory_fd, parent = (int(argument) for argument in sys.argv[1:4])
    end_with(parent)
    # Whoever stops the service signals all its processes; the agent then closes its sensors.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    process = SensorProcess(mmap.mmap(memory_fd, MEMORY_BYTES))
    os.close(memory_fd)
    decoder = msgspec.msgpack.Decoder(Order)
    with socket.socket(fileno=channel_fd) as channel:
        channel.send(_encode(Ready()))
        while message := channel.recv(MESSAGE_BYTES):
            order = decoder.decode(message)
            channel.send(_encode(process.obey(order)))
            if isinstance(order, Close):
                break
    # Threads that a plugin has left behind would keep the interpreter from ending.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _encode(answer: Answer) -> bytes:
    try:
        message = msgspec.msgpack.encode(answer)
    except (TypeError, ValueError, OverflowError) as error:
        message = b""
        reason = str(error)
    else:
        reason = f"{len(message)} bytes, allowed: {MESSAGE_BYTES}"
    if not 0 < len(message) <= MESSAGE_BYTES:
        text = f"the plugin delivered what is no block: {reason}"[:TEXT_MAX]
        message = msgspec.msgpack.encode(Failed(text, "sensor"))
    return message


if __name__ == "__main__":
    main()
