"""All assets' alarms: what windows show and what people ask, kept and published.

Everything happens on the scoring thread but the writing, which the keeper does: a state is on the
disk before anybody hears that it was taken, and no window waits for that.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.alarms.common_cause import CommonCause
from edge_agent.daemon.alarms.cycle import Cycle
from edge_agent.daemon.alarms.files import AlarmFiles
from edge_agent.daemon.alarms.kept import Acknowledged, Noted, Silence
from edge_agent.daemon.alarms.messages import Deed, Standing
from edge_agent.daemon.alarms.term import Now
from edge_agent.daemon.clock import boot_ns
from edge_agent.daemon.commands.audit import Audit, Logged
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.session import Session

_log = logging.getLogger(__name__)


class Voice(Protocol):
    """What states an asset's alarm; see AlarmStatement."""

    record: AssetRecord

    def state(self) -> None:
        """State it where that is news."""


class Desk:
    """Knows the life cycle of every asset's alarms."""

    def __init__(
        self,
        state_dir: Path,
        audit: Audit,
        session: Session,
        outbox: Outbox,
        in_background: Callable[[Callable[[], None]], None],
    ) -> None:
        """Begin without an asset.

        Args:
            state_dir: where alarms are kept.
            audit: takes what happens.
            session: numbers what is published.
            outbox: takes what is published.
            in_background: runs what waits for the disk, one after the other.
        """
        self.audit = audit
        self.files = AlarmFiles(state_dir)
        self.session = session
        self.outbox = outbox
        self.in_background = in_background
        self.voices: dict[str, Voice] = {}
        self._cycles: dict[str, Cycle] = {}
        self._cause = CommonCause(self.files, session, outbox, in_background)
        self._is_settled = False  # the groups of an earlier run

    def now(self) -> Now:
        """Return this moment."""
        return Now(time.time_ns(), boot_ns(), self.session.clock.boot_id)

    def cycle(self, asset: str) -> Cycle:
        """Return the life cycle of an asset, as it was left by an earlier run."""
        if asset not in self._cycles:
            happened = partial(self._happened, asset)
            self._cycles[asset] = Cycle(self.files.load(asset), self.now(), happened)
        return self._cycles[asset]

    def speaks(self, voice: Voice) -> None:
        """Let ``voice`` state the alarm of its asset from now on."""
        self.voices[voice.record.name] = voice

    def leave(self, asset: str) -> None:
        """Take note that an asset is watched no more."""
        self.voices.pop(asset, None)
        self._cycles.pop(asset, None)
        self._cause.gone(asset, self.now())

    def look(self) -> None:
        """End what is over, and notice what strikes many; called about once a second."""
        now = self.now()
        for name, voice in self.voices.items():
            if self.cycle(name).tick(now):
                voice.state()
        groups = self._cause.groups
        before = {name: groups.of(name) for name in self.voices}
        if not self._is_settled:
            self._is_settled = True
            anomalies = {name: self.cycle(name).kept.anomaly for name in self.voices}
            open_ids = {name: one.id if one else None for name, one in anomalies.items()}
            self._cause.settle(open_ids, now)
        attended = self._attended()
        self._cause.signals(attended, len(attended), now)
        self._restate(before)

    def group_of(self, asset: str) -> str | None:
        """Return the id of the group that an asset is struck with."""
        return self._cause.groups.of(asset)

    def standing(self, asset: str) -> Standing:
        """Return how an asset's alarms stand."""
        cycle = self.cycle(asset)
        kept = cycle.kept
        given = kept.acknowledged
        return Standing(
            state=cycle.state,
            level=None if kept.anomaly is None else kept.anomaly.level,
            acknowledged=None if given is None else _by(given),
            shelved=self._deed(kept.shelved),
            maintenance=self._deed(kept.maintenance),
            silenced=cycle.silenced,
            group=self._cause.groups.of(asset),
        )

    def followed(self, asset: str) -> None:
        """Publish what a command has changed."""
        now = self.now()
        kept = self.cycle(asset).kept
        if kept.maintenance is not None:
            before = {name: self._cause.groups.of(name) for name in self.voices}
            self._cause.gone(asset, now)
            self._restate(before)
        self.voices[asset].state()

    def save(self, asset: str) -> Callable[[], bool]:
        """Return what writes how things stand now, for the background; it says whether it did."""
        return partial(self.files.save, asset, self.cycle(asset).kept)

    def _happened(self, asset: str, what: str, anomaly: Noted | None, note: str | None) -> None:
        now = self.now()
        line = Logged(
            at=rfc3339(now.utc_ns),
            what=what,
            asset=asset,
            anomaly_id=None if anomaly is None else anomaly.id,
            note=note,
        )
        self.in_background(lambda: self.audit.append(line, durable=False))
        self.in_background(lambda: self._save_now(asset))
        voice = self.voices.get(asset)
        if voice is None:
            return
        before = {name: self._cause.groups.of(name) for name in self.voices}
        if what == "opened" and self.cycle(asset).state != "maintenance" and anomaly is not None:
            watched = len(self._attended())
            self._cause.struck(voice.record, "anomaly", anomaly.id, watched, now)
        elif what in ("closed", "ended"):
            self._cause.over(asset, "anomaly", now)
        before.pop(asset)  # it is about to state what happened
        self._restate(before)

    def _save_now(self, asset: str) -> None:
        cycle = self._cycles.get(asset)
        if cycle is not None:
            self.files.save(asset, cycle.kept)

    def _attended(self) -> list[AssetRecord]:
        """Return the assets that nobody works on."""
        return [
            voice.record
            for name, voice in self.voices.items()
            if self.cycle(name).kept.maintenance is None
        ]

    def _restate(self, before: dict[str, str | None]) -> None:
        for name, group in before.items():
            if self._cause.groups.of(name) != group:
                self.voices[name].state()

    def _deed(self, silence: Silence | None) -> Deed | None:
        if silence is None:
            return None
        until = None
        if silence.term is not None:  # by the clock as it is set now
            until = rfc3339(silence.term.ends_boot_ns + self.session.clock.utc_offset_ns())
        return Deed(by=silence.by, at=rfc3339(silence.at_ns), until=until, note=silence.note)


def _by(given: Acknowledged) -> Deed:
    return Deed(by=given.by, at=rfc3339(given.at_ns), note=given.note)
