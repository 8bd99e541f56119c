"""The sensor ``replay``: a recording delivered in the recorded rhythm, faster, or at once."""

import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import msgspec

from edge_agent.plugin import SENSOR_API_VERSION, Block, EndOfData, SensorError, SensorInfo
from edge_agent.recordings import Recording, RecordingError, RecordingOptions, open_recording
from edge_sensor_replay.options import ReplayOptions
from edge_sensor_replay.span import Span

_NS = 1_000_000_000


class ReplaySensor:
    """Delivers a block when its last sample's time has come; one that is late delivers at once."""

    api_version: ClassVar[int] = SENSOR_API_VERSION
    version: ClassVar[str] = "1"
    options: ClassVar[type[msgspec.Struct]] = ReplayOptions

    def __init__(self, options: ReplayOptions) -> None:
        """Keep the options; the file is opened by ``open``."""
        self._options = options
        self._info: SensorInfo | None = None
        self._blocks: Generator[Block, None, None] | None = None
        self._next: Block | None = None
        self._opened_s = 0.0
        self._first_ns = self._shift_ns = 0

    @property
    def info(self) -> SensorInfo:
        """What the recording states. Raises SensorError before ``open``."""
        if self._info is None:
            raise self._not_open()
        return self._info

    def open(self) -> None:
        """Open the recording and look at its first block.

        Raises:
            SensorError: it cannot be read, or ``range`` holds nothing of it.
        """
        self.close()
        options = self._options
        asked = RecordingOptions(
            channels=options.channels,
            rate_hz=options.rate_hz,
            unit=options.unit,
            decimate=options.decimate,
        )
        try:
            recording = open_recording(Path(options.path), asked)
            blocks = self._endless(recording) if options.loop else self._selected(recording)
            first = next(blocks, None)
        except RecordingError as error:
            raise SensorError(str(error)) from error
        if first is None:
            raise SensorError(
                f"{options.path}: range {options.range!r} holds nothing, "
                f"the recording has {recording.length} {_counted(recording)}"
            )
        now = options.stamps == "now"
        real_time = now and options.speed == 1.0
        self._info = SensorInfo(
            recording.channels,
            recording.rate_hz,
            recording.unit,
            period_s=recording.period_s,
            clock="boot" if real_time else "source",
        )
        clock = time.CLOCK_BOOTTIME if real_time else time.CLOCK_REALTIME
        # The stamp goes first: a stall between the two makes samples old, not ahead of time.
        self._shift_ns = time.clock_gettime_ns(clock) - first.start_ns if now else 0
        self._opened_s, self._first_ns = time.monotonic(), first.start_ns
        self._blocks, self._next = blocks, first

    def read(self, timeout_s: float) -> Block | None:
        """Return the next block, or None where its time has not come within ``timeout_s``.

        Raises:
            EndOfData: the recording is over.
            SensorError: it is damaged here, or not open.
        """
        if self._blocks is None:
            raise self._not_open()
        if self._next is None:
            try:
                self._next = next(self._blocks)
            except StopIteration:
                raise EndOfData from None
            except RecordingError as error:
                raise SensorError(str(error)) from error
        block = self._next
        if self._options.speed:
            recorded_s = (block.start_ns + _lasting_ns(block) - self._first_ns) / _NS
            wait_s = self._opened_s + recorded_s / self._options.speed - time.monotonic()
            time.sleep(max(0.0, min(wait_s, timeout_s)))
            if wait_s > timeout_s:
                return None
        self._next = None
        return replace(block, start_ns=block.start_ns + self._shift_ns)

    def close(self) -> None:
        """Close the recording; opening again starts again at its beginning."""
        if self._blocks is not None:
            self._blocks.close()
        self._blocks = self._next = self._info = None

    def _endless(self, recording: Recording) -> Generator[Block, None, None]:
        """Yield what the range holds again and again, time going on over the seam."""
        period_ns = round((recording.period_s or 0) * _NS)
        shift_ns, end_ns = 0, 0
        begin_ns: int | None = None
        while True:
            again = shift_ns != 0
            for block in self._selected(recording):
                begin_ns = block.start_ns if begin_ns is None else begin_ns
                yield replace(
                    block, start_ns=block.start_ns + shift_ns, gap_before=block.gap_before or again
                )
                again = False
                end_ns = block.start_ns + max(_lasting_ns(block), period_ns)
            if begin_ns is None:
                return
            shift_ns += end_ns - begin_ns

    def _selected(self, recording: Recording) -> Generator[Block, None, None]:
        span = Span.parse(self._options.range)
        if recording.period_s is not None or recording.rate_hz is None:
            return span.bursts(recording)
        length = self._options.length or max(1, round(recording.rate_hz))
        return span.samples(recording, recording.rate_hz, length)

    def _not_open(self) -> SensorError:
        return SensorError(f"{self._options.path}: the sensor is not open")


def _lasting_ns(block: Block) -> int:
    return 0 if block.rate_hz is None else round(len(block.samples) / block.rate_hz * _NS)


def _counted(recording: Recording) -> str:
    if recording.kind == "features":
        return "rows"
    return "samples" if recording.period_s is None else "bursts"
