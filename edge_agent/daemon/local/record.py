"""``edge-agent record``: raw samples of a running asset, in a file that trainer and replay read.

Samples go to the disk as they come and are put together at the end: an hour of them never has to
be in memory. What the agent lost, or the recorder could not follow, is a gap in the file.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.daemon.local.client import AgentLeftError, LocalClient, clock_of
from edge_agent.daemon.local.messages import BlockSeen, Request
from edge_agent.daemon.report import AgentReport
from edge_agent.recordings import Gap, write_recording

_NS = 1_000_000_000
_FLOAT_BYTES = 4
_JITTER_S = 0.02  # as the windows allow: a host that stamps blocks may be late by this
_STEP_S = 0.25
_KEEP_FREE_BYTES = 64 << 20
_COPIES = 2  # the samples as they came, and the file made of them


class RecordError(Exception):
    """Nothing was recorded; the message says why."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What was recorded.

    Attributes:
        file: where it is.
        asset: its name.
        seconds: that recording took.
        samples: per channel.
        channels: names.
        rate_hz: of the samples.
        unit: of the samples.
        bursts: None for continuous samples.
        gaps: places where samples are missing; of bursts their times tell.
        left_out: blocks with values that are no numbers, and bursts of another length.
        ended: why it ended.
    """

    file: str
    asset: str
    seconds: float
    samples: int
    channels: tuple[str, ...]
    rate_hz: float
    unit: str | None
    bursts: int | None
    gaps: int
    left_out: int
    ended: str


@dataclass(slots=True)
class Tape:
    """Samples of one asset, as they come.

    Attributes:
        raw: float32, one row after the other.
        limit_bytes: of ``raw``.
        head: of the first block: what follows has to be like it.
        rows: written so far.
        starts_ns: of every burst.
        gaps: between continuous samples.
        left_out: blocks that could not be kept.
    """

    raw: IO[bytes]
    limit_bytes: int
    head: BlockSeen | None = None
    rows: int = 0
    starts_ns: list[int] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    left_out: int = 0
    _due_ns: int = 0
    _missed: bool = False

    def take(self, block: BlockSeen, samples: bytes) -> str | None:
        """Write a block; return why nothing more can be taken, None where more can.

        Raises:
            RecordError: blocks of this kind cannot be recorded.
        """
        head = self.head
        if block.rate_hz is None:
            raise RecordError("its blocks have no sampling rate: there are no raw samples")
        if head is not None and facts_of(block) != facts_of(head):
            return "the sensor delivers something else now (rate, unit or channels)"
        size = (self.rows + block.length) * len(block.channels) * _FLOAT_BYTES
        if size > self.limit_bytes:
            return f"{self.limit_bytes / 1e6:.0f} MB are full"
        values = np.frombuffer(samples, np.float32)
        other_length = (
            block.period_s is not None and head is not None and head.length != block.length
        )
        if not block.length or other_length or not np.isfinite(values).all():
            self.left_out += 1
            self._missed = True
            return None
        self._place(block, block.rate_hz)
        self.raw.write(samples)
        self.head = head or block
        self.rows += block.length
        return None

    def _place(self, block: BlockSeen, rate_hz: float) -> None:
        span_ns = round(block.length / rate_hz * _NS)
        # A clock that is set meanwhile tears no hole: all times go by what it said at the start.
        utc_offset_ns = (self.head or block).utc_offset_ns
        self.starts_ns.append(block.start_ns + utc_offset_ns)
        if block.period_s is None:
            allowed_ns = max(span_ns // 2, round(_JITTER_S * _NS))
            late = abs(block.start_ns - self._due_ns) > allowed_ns
            if self.rows and (block.gap_before or self._missed or late):
                self.gaps.append(Gap(self.rows, block.start_ns + utc_offset_ns))
            del self.starts_ns[1:]
        self._missed, self._due_ns = False, block.start_ns + span_ns


def record_asset(
    report: AgentReport,
    asset: str,
    file: Path,
    seconds: float,
    max_bytes: int,
    progress: Callable[[float, int], None],
) -> Recorded:
    """Record ``asset`` of the running agent.

    Args:
        report: of the agent.
        asset: its name.
        file: to write; ends in .npz.
        seconds: how long.
        max_bytes: of raw samples; less where the disk would be left with less than 64 MB.
        progress: called with the seconds and bytes so far; may raise KeyboardInterrupt, which
            ends the recording and keeps what there is.

    Raises:
        NotRunningError: the agent cannot be asked.
        UnknownAssetError: it does not watch the asset.
        RecordError: nothing came, or nothing that can be recorded.
        RecordingError: the file cannot be written.
        OSError: the folder cannot be written.
    """
    room = (shutil.disk_usage(file.absolute().parent).free - _KEEP_FREE_BYTES) // _COPIES
    if room <= 0:
        raise RecordError(f"{file}: the disk has less than 64 MB to spare")
    client = LocalClient(report, Request(want="blocks", asset=asset))
    with tempfile.TemporaryFile(dir=file.absolute().parent) as raw:
        tape = Tape(raw, min(max_bytes, room))
        began_s = time.monotonic()
        try:
            ended = _listen(client, tape, seconds, progress)
        finally:
            client.close()
        took_s = time.monotonic() - began_s
        if tape.head is None:
            left_out = f"; {tape.left_out} could not be kept" if tape.left_out else ""
            raise RecordError(f"asset {asset}: no block within {took_s:.1f} s{left_out}")
        _write(file, tape, tape.head)
    head = tape.head
    return Recorded(
        file=str(file),
        asset=asset,
        seconds=round(took_s, 3),
        samples=tape.rows,
        channels=head.channels,
        rate_hz=head.rate_hz or 0.0,
        unit=head.unit,
        bursts=None if head.period_s is None else len(tape.starts_ns),
        gaps=len(tape.gaps),
        left_out=tape.left_out,
        ended=ended,
    )


def _listen(
    client: LocalClient, tape: Tape, seconds: float, progress: Callable[[float, int], None]
) -> str:
    """Fill ``tape`` and return why it ended."""
    began_s = time.monotonic()
    try:
        for said in client.said(clock_of(seconds, _STEP_S)):
            if said is not None and isinstance(said[0], BlockSeen):
                full = tape.take(said[0], said[1])
                if full is not None:
                    return full
            progress(time.monotonic() - began_s, tape.raw.tell())
    except AgentLeftError as error:
        return str(error)
    except KeyboardInterrupt:
        return "interrupted"
    return "the time was over"


def _write(file: Path, tape: Tape, head: BlockSeen) -> None:
    tape.raw.flush()
    shape: tuple[int, ...] = (tape.rows, len(head.channels))
    if head.period_s is not None:
        shape = (len(tape.starts_ns), head.length, len(head.channels))
    samples: NDArray[np.float32] = np.memmap(tape.raw, np.float32, "r", shape=shape)
    write_recording(
        file,
        samples,
        rate_hz=head.rate_hz or 0.0,
        unit=head.unit,
        channels=head.channels,
        start_ns=tape.starts_ns if head.period_s is not None else tape.starts_ns[0],
        period_s=head.period_s,
        gaps=tape.gaps,
    )


def facts_of(block: BlockSeen) -> tuple[object, ...]:
    """Return what all blocks of one recording have in common."""
    return (block.rate_hz, block.unit, block.channels, block.period_s)
