"""Whose reports are believed: signed by the enrolled key, newer than the last, of one gateway.

An honest gateway counts its reports up, never says two things under one number, and never goes
back to a session (one run of its agent) that another one has followed. So each of these is
evidence, in the gateway's own signature, that two hold its key:

* one number twice, with different content;
* sessions A, B, A with rising numbers;
* a lower number in another session than the newest, signed later than that: two agents, each of
  which began its own count.

An older number alone is not: whoever owns the broker can repeat what was said before.
"""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from edge_agent.disk import write_durably
from edge_agent.rollout.envelope import EnvelopeError, unseal
from edge_agent.rollout.fleet.inventory import Member
from edge_agent.rollout.messages import (
    REPORT_BYTES_MAX,
    REPORT_TYPE,
    Moment,
    Name,
    Report,
    Sha256,
)

_REMEMBERED = 8  # numbers and sessions of each gateway

Refusal = Literal["forged", "replayed", "cloned"]


class RefusedError(Exception):
    """A report is not believed."""

    def __init__(self, kind: Refusal, reason: str) -> None:
        """Say of what kind it is and why."""
        super().__init__(f"{kind}: {reason}")
        self.kind = kind


class Sighting(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is known of a gateway from its own reports.

    Attributes:
        key_id: the key that they were signed with.
        at: when the last one came, by the operator's clock.
        report: the last one.
        digests: sha256 of the last reports, by number.
        sessions: the last ones, newest at the end.
        cloned: evidence that two gateways hold the key; None: there is none.
    """

    key_id: str
    at: Moment
    report: Report
    digests: dict[int, Sha256] = {}
    sessions: tuple[str, ...] = ()
    cloned: str | None = None


class Sightings(
    msgspec.Struct, kw_only=True, tag_field="schema", tag="edge-agent/rollout-sightings/1"
):
    """All of the fleet."""

    gateways: dict[Name, Sighting] = {}

    def hear(self, gateway: str, member: Member, content: bytes, now: datetime) -> Report | None:
        """Return the report in ``content`` where it is news; None where it was heard already.

        Args:
            gateway: whose topic it came under.
            member: what the inventory says of it.
            content: the envelope.
            now: the operator's time.

        Raises:
            RefusedError: it is not believed. Where the kind is ``cloned`` the gateway's sighting
                says so from then on.
        """
        report = _verified(gateway, member, content)
        # Of what was signed, not of the envelope: that can be written in many ways.
        digest = hashlib.sha256(msgspec.json.encode(report, order="sorted")).hexdigest()
        seen = self.gateways.get(gateway)
        if seen is None or seen.key_id != member.key_id:  # enrolled again: with a new key
            seen = Sighting(key_id=member.key_id, at=now, report=report)
            seen.digests, seen.sessions = {report.number: digest}, (report.session,)
            self.gateways[gateway] = seen
            return report
        known = seen.digests.get(report.number)
        if known == digest:
            if report.number == seen.report.number:
                return None
            raise RefusedError("replayed", f"number {report.number} after {seen.report.number}")
        if known is not None:
            self._clone(seen, f"two reports of number {report.number}")
        if report.number < seen.report.number:
            if report.session != seen.report.session and report.at > seen.report.at:
                self._clone(seen, f"session {report.session} went on beside {seen.report.session}")
            raise RefusedError("replayed", f"number {report.number} after {seen.report.number}")
        if report.session in seen.sessions[:-1]:
            self._clone(seen, f"session {report.session} went on after {seen.sessions[-1]}")
        _remember(seen, report, digest, now)
        return report

    def _clone(self, seen: Sighting, evidence: str) -> None:
        seen.cloned = evidence
        raise RefusedError("cloned", f"two gateways hold this key: {evidence}")

    def merge(self, other: "Sightings") -> None:
        """Take over what ``other`` has seen since: of each gateway the newer, and any evidence."""
        for gateway, theirs in other.gateways.items():
            mine = self.gateways.get(gateway)
            if mine is None or mine.key_id != theirs.key_id:
                if mine is None or theirs.at > mine.at:
                    self.gateways[gateway] = theirs
                continue
            cloned = mine.cloned or theirs.cloned
            if theirs.report.number > mine.report.number:
                self.gateways[gateway] = theirs
            self.gateways[gateway].cloned = cloned


def _verified(gateway: str, member: Member, content: bytes) -> Report:
    try:
        report = unseal(content, REPORT_TYPE, Report, [member.key()], bytes_max=REPORT_BYTES_MAX)
    except EnvelopeError as error:
        raise RefusedError("forged", str(error)) from error
    if report.gateway != gateway:
        raise RefusedError("forged", f"a report of {report.gateway} under the topic of {gateway}")
    return report


def _remember(seen: Sighting, report: Report, digest: str, now: datetime) -> None:
    seen.at, seen.report = now, report
    digests = {**seen.digests, report.number: digest}
    seen.digests = dict(list(digests.items())[-_REMEMBERED:])
    if seen.sessions[-1] != report.session:
        seen.sessions = (*seen.sessions, report.session)[-_REMEMBERED:]


class SightingsError(Exception):
    """The file of sightings cannot be read; the message says why."""


def read_sightings(file: Path) -> Sightings:
    """Return what ``file`` holds; nothing where there is none. Raises SightingsError."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Sightings)
    except FileNotFoundError:
        return Sightings()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SightingsError(f"{file}: {error}") from error


def write_sightings(file: Path, sightings: Sightings) -> None:
    """Put ``sightings`` into ``file``. Raises OSError."""
    write_durably(file, msgspec.json.encode(sightings))
