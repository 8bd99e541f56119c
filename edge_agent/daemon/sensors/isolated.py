"""A sensor in a process of its own, which may die, hang or grow without harm to the agent."""

import contextlib
import fcntl
import mmap
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np

from edge_agent.daemon.config.settings import SensorSettings
from edge_agent.daemon.sensors.isolation import (
    MEMORY_BYTES,
    MESSAGE_BYTES,
    Answer,
    Close,
    Delivered,
    Ended,
    Failed,
    Nothing,
    Open,
    Opened,
    Order,
    Read,
)
from edge_agent.plugin import SENSOR_API_VERSION, Block, EndOfData, NoOptions, SensorInfo

_START_S = 60.0  # an interpreter on a slow and busy gateway
_CLOSE_S = 1.0  # then a sensor that does not end is killed
_LOOK_S = 0.25  # so often its memory, and whether to go on, while it says nothing
_MEMORY_INTERVAL_S = 0.2
_MEGABYTE = 1e6
_DECODER: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
# One thread and one heap: threads that a linear-algebra library keeps ready cost megabytes.
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class ProcessError(Exception):
    """What became of the sensor's process, or what its plugin raised there, as a sentence."""


class UnusableError(Exception):
    """The plugin cannot be loaded or configured; trying again would give the same."""


class IsolatedSensor:
    """To the agent a sensor like any other; each opening starts a process, closing ends it."""

    api_version: ClassVar[int] = SENSOR_API_VERSION
    options: ClassVar[type[msgspec.Struct]] = NoOptions

    def __init__(self, settings: SensorSettings, is_stopping: Callable[[], bool]) -> None:
        """Keep the settings; the process starts with ``open``.

        Args:
            settings: of the asset's sensor.
            is_stopping: asked while waiting; True makes the waiting end.
        """
        self._settings = settings
        self._is_stopping = is_stopping
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._memory: mmap.mmap | None = None
        self._memory_due_s = 0.0
        self._info: SensorInfo | None = None
        self.version = ""

    @property
    def info(self) -> SensorInfo:
        """What the plugin says in its process. Raises ProcessError before ``open``."""
        if self._info is None:
            raise ProcessError("the sensor is not open")
        return self._info

    def open(self) -> None:
        """Start the process and open the sensor there.

        Raises:
            UnusableError: the plugin cannot be loaded or configured.
            ProcessError: the sensor cannot be opened, or its process died or hangs.
        """
        settings = self._settings
        try:
            self._start()
            self._answer("the plugin's process", _START_S)
            answer = self._ask(Open(settings.plugin, settings.options), "open", 0.0)
        except BaseException:
            self.close()
            raise
        if isinstance(answer, Opened):
            self.version, self._info = answer.version, answer.info

    def read(self, timeout_s: float) -> Block | None:
        """Return the next block, its samples copied out of the shared memory.

        Raises:
            EndOfData: nothing will ever follow.
            ProcessError: the sensor failed, or its process died, hangs or grew too large.
        """
        answer = self._ask(Read(timeout_s), "read", timeout_s)
        if isinstance(answer, Nothing):
            return None
        if not isinstance(answer, Delivered) or self._memory is None:
            raise _unexpected(answer)
        rows, columns = answer.shape
        shared = np.frombuffer(self._memory, np.float32, rows * columns)
        samples = shared.reshape(rows, columns).copy()
        channels = answer.channels
        return Block(
            samples,
            answer.start_ns,
            answer.rate_hz,
            answer.unit,
            tuple(channels) if isinstance(channels, list) else channels,
            answer.gap_before,
        )

    def close(self) -> None:
        """Close the sensor and end its process, by force where it does not within a second."""
        process, channel, memory = self._process, self._channel, self._memory
        self._process = self._channel = self._memory = self._info = None
        if process is not None and channel is not None:
            with contextlib.suppress(OSError):
                channel.settimeout(_CLOSE_S)
                channel.send(_encode(Close()))
                channel.recv(MESSAGE_BYTES)
            channel.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_CLOSE_S)
            process.kill()
            process.wait()
        if memory is not None:
            memory.close()

    def _start(self) -> None:
        self.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        memory_fd = os.memfd_create("edge-agent-samples", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(memory_fd, MEMORY_BYTES)
            # Memory that the other side cuts short would kill the agent when it looks there.
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
            fcntl.fcntl(memory_fd, fcntl.F_ADD_SEALS, seals)
            self._memory = mmap.mmap(memory_fd, MEMORY_BYTES, prot=mmap.PROT_READ)
            self._channel = ours
            arguments = (str(theirs.fileno()), str(memory_fd), str(os.getpid()))
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, this package
                [sys.executable, "-P", "-m", "edge_agent.daemon.sensors.process", *arguments],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), memory_fd),
                env={**os.environ, **_ENVIRONMENT},
            )
        finally:
            theirs.close()
            os.close(memory_fd)

    def _ask(self, order: Order, what: str, timeout_s: float) -> Answer:
        if self._channel is None:
            raise ProcessError("the sensor is not open")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # _answer says why
            self._channel.send(_encode(order))
        return self._answer(what, timeout_s + self._settings.deadline_s)

    def _answer(self, what: str, patience_s: float) -> Answer:
        """Return the next answer, to ``what`` was asked.

        Raises:
            EndOfData, ProcessError, UnusableError: see ``open`` and ``read``.
        """
        channel, process = self._channel, self._process
        if channel is None or process is None:
            raise ProcessError("the sensor is not open")
        try:
            message = self._hear(channel, process, what, patience_s)
        except (BrokenPipeError, ConnectionResetError):
            message = b""
        if not message:
            raise ProcessError(f"the plugin's process {_end_of(process)}")
        self._check_memory(process)
        try:
            answer = _DECODER.decode(message)
        except msgspec.MsgspecError as error:
            raise ProcessError(f"the plugin delivered what is no block: {error}") from error
        if isinstance(answer, Ended):
            raise EndOfData
        if isinstance(answer, Failed):
            raise (
                UnusableError(answer.text) if answer.what == "plugin" else ProcessError(answer.text)
            )
        return answer

    def _hear(
        self, channel: socket.socket, process: subprocess.Popen[bytes], what: str, patience_s: float
    ) -> bytes:
        began_s = time.monotonic()
        channel.settimeout(_LOOK_S)
        while True:
            try:
                return channel.recv(MESSAGE_BYTES)
            except TimeoutError:
                pass
            waited_s = time.monotonic() - began_s
            self._check_memory(process)
            if self._is_stopping():
                raise ProcessError("stopped")
            if waited_s > patience_s:
                process.kill()
                raise ProcessError(f"{what} has not returned for {waited_s:.0f} s; process ended")

    def _check_memory(self, process: subprocess.Popen[bytes]) -> None:
        allowed_mb = self._settings.memory_max_mb
        now_s = time.monotonic()
        if allowed_mb is None or now_s < self._memory_due_s:
            return
        self._memory_due_s = now_s + _MEMORY_INTERVAL_S
        used_mb = _resident_mb(process.pid)
        if used_mb > allowed_mb:
            process.kill()
            raise ProcessError(
                f"the plugin's process has {used_mb:.0f} MB, allowed: {allowed_mb:g}; process ended"
            )


def _encode(order: Order) -> bytes:
    return msgspec.msgpack.encode(order)


def _unexpected(answer: Answer | None) -> ProcessError:
    return ProcessError(f"the plugin's process answered {type(answer).__name__}")


def _end_of(process: subprocess.Popen[bytes]) -> str:
    """Say how a process ended that has closed its side."""
    try:
        code = process.wait(_CLOSE_S)
    except subprocess.TimeoutExpired:
        return "closed its connection to the agent"
    if code >= 0:
        return f"ended with exit status {code}"
    try:
        return f"died of {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal has no name
        return f"died of signal {-code}"


def _resident_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # it has just ended
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / _MEGABYTE
