"""Results as lines of JSON: one row for each window, one for each event."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from edge_agent.bundle.times import rfc3339
from edge_agent.pipeline.alarm import Detector, Event
from edge_agent.pipeline.result import WindowResult


class WindowRow(msgspec.Struct, frozen=True, kw_only=True):
    """One window.

    Attributes:
        index: 0-based in the recording.
        time: its first sample's, RFC 3339; from 1970 on where the recording states none.
        score: the network's, smoothed; null with a reason where the window was not scored.
        threshold: of ``score``.
        anomaly: true exactly while an alarm is open.
        reason: ``idle``, ``gap``, ``washout``, ``invalid`` or ``regime`` (a speed or load never
            seen) where there is no score.
        level_score: the level detector's; null where it did not score.
        level_threshold: of ``level_score``.
        gap: windows are missing before this one.
        clipped: the input range was touched.
        detail: more on the reason, for a person.
    """

    type: Literal["window"] = "window"
    index: int
    time: str
    score: float | None
    threshold: float
    anomaly: bool
    reason: str | None
    level_score: float | None
    level_threshold: float | None
    gap: bool
    clipped: bool
    detail: str | None


class ShareRow(msgspec.Struct, frozen=True):
    """A feature and its share of the score."""

    name: str
    share: float


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """An anomaly that opened, got worse or closed.

    Attributes:
        event: which of the three.
        time: of the window in which it did.
        number: counts anomalies from 1, the same from open to close.
        detector: which detector opened it.
        start: of the window in which it opened.
        end: of the window in which it closed, null while it is open.
        severity: largest score / threshold so far.
        features: the most responsible ones, largest share first.
    """

    type: Literal["event"] = "event"
    event: Literal["open", "update", "close"]
    time: str
    number: int
    detector: Detector
    start: str
    end: str | None
    severity: float
    features: tuple[ShareRow, ...]


def rows(result: WindowResult) -> Iterator[WindowRow | EventRow]:
    """Yield the window's row, then its event's, if it has one."""
    yield WindowRow(
        index=result.index,
        time=rfc3339(result.start_ns),
        score=result.score,
        threshold=result.threshold,
        anomaly=result.anomaly,
        reason=result.reason,
        level_score=result.level_score,
        level_threshold=result.level_threshold,
        gap=result.gap,
        clipped=result.clipped,
        detail=result.detail,
    )
    if result.event is not None:
        yield _event_row(result, result.event)


def _event_row(result: WindowResult, event: Event) -> EventRow:
    return EventRow(
        event=event.kind,
        time=rfc3339(result.start_ns),
        number=event.number,
        detector=event.detector,
        start=rfc3339(event.start_ns),
        end=None if event.end_ns is None else rfc3339(event.end_ns),
        severity=event.severity,
        features=tuple(ShareRow(name, share) for name, share in event.features),
    )


def encode_rows(result: WindowResult) -> bytes:
    """Return the rows of ``result`` as lines of JSON, each with its line break."""
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows(result))
