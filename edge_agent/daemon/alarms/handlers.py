"""What people ask of alarms: handlers of commands, on the scoring thread."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.alarms.cycle import CannotError, Cycle
from edge_agent.daemon.alarms.desk import Desk
from edge_agent.daemon.alarms.kept import Noted
from edge_agent.daemon.alarms.messages import Label, Verdict
from edge_agent.daemon.alarms.term import Now
from edge_agent.daemon.commands.bus import Bus, Respond
from edge_agent.daemon.commands.requests import (
    Acknowledge,
    Alarms,
    Confirm,
    Log,
    Maintain,
    Reject,
    Resume,
    Shelve,
    Unshelve,
    done,
    refused,
)
from edge_agent.daemon.envelope import message_id
from edge_agent.daemon.outbox import Entry

_NS = 1_000_000_000

_Changing = Acknowledge | Shelve | Unshelve | Maintain | Resume


class AlarmCommands:
    """Does what is asked, by way of the desk."""

    def __init__(self, desk: Desk, is_durable: Callable[[], bool]) -> None:
        """Work for ``desk``; ``is_durable`` says whether the outbox is on the disk."""
        self._desk = desk
        self._is_durable = is_durable

    def register(self, bus: Bus) -> None:
        """Take the commands that are about alarms."""
        bus.register(Alarms, self._alarms)
        bus.register(Log, self._log)
        bus.register(Acknowledge, self._change)
        bus.register(Shelve, self._change)
        bus.register(Unshelve, self._change)
        bus.register(Maintain, self._change)
        bus.register(Resume, self._change)
        bus.register(Confirm, partial(self._label, "confirmed"))
        bus.register(Reject, partial(self._label, "rejected"))

    def _alarms(self, command: Alarms, respond: Respond) -> None:
        names = list(self._desk.voices)
        if command.asset is not None and command.asset not in names:
            respond(refused(self._unknown(command.asset)))
            return
        wanted = names if command.asset is None else [command.asset]
        respond(done(assets=[self._listed(name) for name in wanted]))

    def _log(self, command: Log, respond: Respond) -> None:
        def read() -> None:
            lines = self._desk.audit.last(command.last, command.asset)
            respond(done(lines=msgspec.to_builtins(lines)))

        self._desk.in_background(read)

    def _change(self, command: _Changing, respond: Respond) -> None:
        asset, desk = command.asset, self._desk
        if asset not in desk.voices:
            respond(refused(self._unknown(asset)))
            return
        try:
            _do(command, desk.cycle(asset), desk.now())
        except CannotError as error:
            respond(refused(f"{asset}: {error}"))
            return
        desk.followed(asset)
        answer, save = done(alarm=self._listed(asset)), desk.save(asset)
        desk.in_background(lambda: respond(replace(answer, durable=save())))

    def _label(self, verdict: Verdict, command: Confirm | Reject, respond: Respond) -> None:
        asset, desk = command.asset, self._desk
        if asset not in desk.voices:
            respond(refused(self._unknown(asset)))
            return
        now = desk.now()
        try:
            noted = desk.cycle(asset).label(
                verdict, command.anomaly_id, command.by, command.note, now
            )
        except CannotError as error:
            respond(refused(f"{asset}: {error}"))
            return
        desk.followed(asset)
        answer = done(alarm=self._listed(asset), label=verdict, anomaly_id=noted.id)
        save = desk.save(asset)

        def stored() -> None:
            is_durable = self._is_durable()
            desk.in_background(lambda: respond(replace(answer, durable=save() and is_durable)))

        entry = Entry(asset, stored=stored)
        topic = desk.session.topics.of(asset, "label")
        entry.messages.append(("label", topic, self._label_of(command, verdict, noted, now)))
        desk.outbox.put(entry)

    def _label_of(
        self, command: Confirm | Reject, verdict: Verdict, noted: Noted, now: Now
    ) -> Label:
        session, asset = self._desk.session, command.asset
        topic = session.topics.of(asset, "label")
        own_id = message_id(session.topics.gateway, asset, "label", noted.id, command.id)
        return Label(
            asset=asset,
            label=verdict,
            anomaly_id=noted.id,
            number=noted.number,
            detector=noted.detector,
            severity=noted.severity,
            closed=noted.closed_ns is not None,
            fault=command.fault if isinstance(command, Confirm) else None,
            at=rfc3339(now.utc_ns),
            by=command.by,
            note=command.note,
            model_sha256=noted.model_sha256,
            **session.envelope(topic, own_id, noted.opened_ns, noted.closed_ns or now.utc_ns),
        )

    def _listed(self, asset: str) -> dict[str, Any]:
        """Return what a list shows of an asset."""
        record, kept = self._desk.voices[asset].record, self._desk.cycle(asset).kept
        known = kept.anomaly or (kept.past[-1] if kept.past else None)
        return {
            "asset": asset,
            "data": record.state,
            "reason": record.reason or record.last_detail or record.last_reason,
            **msgspec.to_builtins(self._desk.standing(asset)),
            "anomaly": None if known is None else _anomaly(known),
        }

    def _unknown(self, asset: str) -> str:
        return f"no asset {asset}; there are {', '.join(self._desk.voices)}"


def _do(command: _Changing, cycle: Cycle, now: Now) -> None:
    """Raises CannotError."""
    by, note = command.by, command.note
    match command:
        case Acknowledge():
            cycle.acknowledge(command.anomaly_id, by, note, now)
        case Shelve():
            cycle.shelve(round(command.for_s * _NS), by, note, now)
        case Unshelve():
            cycle.unshelve()
        case Maintain():
            span_ns = None if command.for_s is None else round(command.for_s * _NS)
            cycle.maintain(span_ns, by, note, now)
        case Resume():
            cycle.resume()


def _anomaly(noted: Noted) -> dict[str, Any]:
    return {
        "id": noted.id,
        "number": noted.number,
        "detector": noted.detector,
        "level": noted.level,
        "severity": round(noted.severity, 3),
        "opened": rfc3339(noted.opened_ns),
        "closed": None if noted.closed_ns is None else rfc3339(noted.closed_ns),
        "label": noted.label,
    }
