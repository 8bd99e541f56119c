"""The life cycle of one asset's alarms; pure: what it is told goes in, what follows comes out.

What the detectors find is never changed here, only whether somebody is to be called for it. The
words are those of ANSI/ISA-18.2: acknowledged, shelved (there for a limited time only), out of
service (here: maintenance). See docs/decisions/0026.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from edge_agent.daemon.alarms.kept import PAST_MAX, Acknowledged, Kept, Noted, Silence
from edge_agent.daemon.alarms.messages import Handling, Verdict
from edge_agent.daemon.alarms.term import Now, begun_again, term

_SILENCES = {"maintenance": "maintenance", "shelved": "shelving"}  # the stronger first
_WORSE = 2.0  # so much worse than when it was acknowledged, it is news to whoever did that

Told = Literal["open", "update", "close"]
Happened = Callable[[str, Noted | None, str | None], None]


class CannotError(Exception):
    """What is asked for cannot be done; the message says why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a window shows.

    Attributes:
        event: what it changed of the anomaly.
        anomaly: the one that is open after it, or that it closed; None where there is none.
    """

    event: Told | None
    anomaly: Noted | None


class Cycle:
    """One asset's alarms."""

    def __init__(self, kept: Kept, now: Now, happened: Happened) -> None:
        """Go on from ``kept``.

        Args:
            kept: of an earlier run, or ``Kept()``.
            now: this moment.
            happened: called with what happened, to which anomaly and a note, for the audit;
                ``kept`` is another one then.
        """
        self.kept = replace(
            kept,
            shelved=_going_on(kept.shelved, now),
            maintenance=_going_on(kept.maintenance, now),
        )
        self._happened = happened

    @property
    def state(self) -> Handling:
        """Whether somebody is to be called, or why not."""
        kept = self.kept
        if kept.maintenance is not None:
            return "maintenance"
        if kept.shelved is not None:
            return "shelved"
        if kept.anomaly is None:
            return "quiet"
        return "open" if kept.acknowledged is None else "acknowledged"

    @property
    def silenced(self) -> int:
        """Times that nobody was called because of the silences that last."""
        lasting = (self.kept.shelved, self.kept.maintenance)
        return sum(silence.silenced for silence in lasting if silence is not None)

    def begin(self, anomaly: Noted | None, now: Now) -> None:
        """Take over the anomaly that is open where a flow begins: a new one, or none any more."""
        known = self.kept.anomaly
        if anomaly is not None and known is not None and anomaly.id == known.id:
            self._keep(anomaly=_grown(known, anomaly))
            return
        if known is not None:
            self._close(replace(known, closed_ns=now.utc_ns))
            self._happened("ended", known, "it was not open any more when the asset began anew")
        if anomaly is not None:
            self._keep(anomaly=anomaly)

    def window(self, seen: Seen, now: Now) -> Told | None:
        """Take note of a window; return what is to be told of its anomaly."""
        found = seen.anomaly
        if found is None:
            return None
        known = self.kept.anomaly
        if known is None or known.id != found.id:
            self.begin(None, now)
            return "close" if seen.event == "close" else self._opened(found)
        grown = _grown(known, found)
        if seen.event == "close":
            self._close(replace(grown, closed_ns=now.utc_ns))
            self._happened("closed", grown, None)
            return None if grown.hidden else "close"
        return self._went_on(known, grown, seen.event)

    def tick(self, now: Now) -> bool:
        """End what is over; return whether something was."""
        ended = False
        for name in _SILENCES:
            silence: Silence | None = getattr(self.kept, name)
            if silence is not None and silence.term and silence.term.left_ns(now) <= 0:
                self._end(name, silence)
                ended = True
        return ended

    def acknowledge(self, anomaly_id: str | None, by: str, note: str | None, now: Now) -> Noted:
        """Take note of the open anomaly. Raises CannotError."""
        anomaly = self.kept.anomaly
        if anomaly is None:
            raise CannotError("no anomaly is open")
        if not anomaly.id.startswith(anomaly_id or ""):
            raise CannotError(f"anomaly {anomaly_id} is not open, {anomaly.id} is")
        self._acknowledge(anomaly, by, note, now)
        return anomaly

    def shelve(self, span_ns: int, by: str, note: str | None, now: Now) -> None:
        """Call nobody for ``span_ns`` from now, in place of what was left of a shelving."""
        before = self.kept.shelved
        silence = Silence(by=by, at_ns=now.utc_ns, note=note, term=term(span_ns, now))
        counted = 0 if before is None else before.silenced
        self._keep(shelved=replace(silence, silenced=counted))

    def unshelve(self) -> None:
        """End the shelving. Raises CannotError."""
        if self.kept.shelved is None:
            raise CannotError("it is not shelved")
        self._end("shelved", self.kept.shelved)

    def maintain(self, span_ns: int | None, by: str, note: str | None, now: Now) -> None:
        """Raise no alarm, for ``span_ns`` from now or until ``resume``."""
        before = self.kept.maintenance
        limit = None if span_ns is None else term(span_ns, now)
        counted = 0 if before is None else before.silenced
        self._keep(
            maintenance=Silence(by=by, at_ns=now.utc_ns, note=note, term=limit, silenced=counted)
        )

    def resume(self) -> None:
        """End the maintenance. Raises CannotError."""
        if self.kept.maintenance is None:
            raise CannotError("it is not in maintenance")
        self._end("maintenance", self.kept.maintenance)

    def label(
        self, verdict: Verdict, anomaly_id: str | None, by: str, note: str | None, now: Now
    ) -> Noted:
        """Say what an anomaly was, and that somebody knows of it. Raises CannotError."""
        known = [*self.kept.past, *([self.kept.anomaly] if self.kept.anomaly else [])]
        found = [one for one in known if one.id.startswith(anomaly_id or "")]
        if not found or (anomaly_id is not None and len(found) > 1):
            what = "there was no anomaly" if anomaly_id is None else f"no anomaly {anomaly_id}"
            what = f"{len(found)} anomalies begin with {anomaly_id}" if found else what
            ids = ", ".join(one.id for one in known) or "none"
            raise CannotError(f"{what}; the last ones: {ids}")
        labelled = replace(found[-1], label=verdict)
        if found[-1] is self.kept.anomaly:
            self._keep(anomaly=labelled)
            if self.kept.acknowledged is None:
                self._acknowledge(labelled, by, note, now)
        else:
            past = tuple(labelled if one.id == labelled.id else one for one in self.kept.past)
            self._keep(past=past)
        return labelled

    def _opened(self, anomaly: Noted) -> Told | None:
        hidden = self.kept.maintenance is not None
        anomaly = replace(anomaly, hidden=hidden)
        self._keep(anomaly=anomaly, due=False)
        self._count_silence()
        self._happened("opened", anomaly, f"severity {anomaly.severity:.2f}, {anomaly.level}")
        return None if hidden else "open"

    def _went_on(self, known: Noted, grown: Noted, event: Told | None) -> Told | None:
        worse = event is not None or grown.level != known.level
        if grown != known:
            self._keep(anomaly=grown)
        if worse:
            self._count_silence()
            self._happened("grew worse", grown, f"severity {grown.severity:.2f}, {grown.level}")
        lapsed = self._lapsed(grown)
        if not (worse or lapsed or self.kept.due) or self.kept.maintenance is not None:
            # In a maintenance what was open before is told of when it closes, or when that ends.
            return None
        if self.kept.due and not worse:
            self._happened("called again", grown, None)
        self._keep(anomaly=replace(grown, hidden=False), due=False)
        return "open" if grown.hidden else "update"

    def _lapsed(self, grown: Noted) -> bool:
        """End an acknowledgement that was given for something less bad."""
        given = self.kept.acknowledged
        if given is None:
            return False
        if grown.severity < _WORSE * given.severity and grown.level == given.level:
            return False
        self._keep(acknowledged=None)
        said = f"{given.severity:.2f}, {given.level}, when {given.by} acknowledged it"
        self._happened("acknowledgement lapsed", grown, said)
        return True

    def _acknowledge(self, anomaly: Noted, by: str, note: str | None, now: Now) -> None:
        given = Acknowledged(
            by=by, at_ns=now.utc_ns, note=note, severity=anomaly.severity, level=anomaly.level
        )
        self._keep(acknowledged=given, due=False)

    def _close(self, anomaly: Noted) -> None:
        past = (*self.kept.past, anomaly)[-PAST_MAX:]
        self._keep(anomaly=None, acknowledged=None, due=False, past=past)

    def _end(self, name: str, silence: Silence) -> None:
        self._keep(**{name: None})
        self._keep(due=self.state == "open")
        times = f"{silence.silenced} time{'' if silence.silenced == 1 else 's'} nobody was called"
        self._happened(f"{_SILENCES[name]} ended", self.kept.anomaly, times)

    def _count_silence(self) -> None:
        """Nobody is called for what just happened: say so in the silence that is the reason."""
        for name in _SILENCES:
            silence: Silence | None = getattr(self.kept, name)
            if silence is not None:
                self._keep(**{name: replace(silence, silenced=silence.silenced + 1)})
                return

    def _keep(self, **changes: object) -> None:
        self.kept = replace(self.kept, **changes)


def _grown(known: Noted, found: Noted) -> Noted:
    """Return what is known with what a window adds: neither severity nor level ever fall."""
    return replace(
        known,
        opened_ns=found.opened_ns,  # where the clock was set, it opened at another time
        severity=max(known.severity, found.severity),
        level="alarm" if "alarm" in (known.level, found.level) else "alert",
    )


def _going_on(silence: Silence | None, now: Now) -> Silence | None:
    if silence is None or silence.term is None:
        return silence
    return replace(silence, term=begun_again(silence.term, now))
