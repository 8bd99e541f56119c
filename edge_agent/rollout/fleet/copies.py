"""Plan and progress of a rollout as they lie on the broker, signed, with the controller's lease.

The head is small whatever the size of the fleet. Gateways are in parts of so many that a change of
one costs a few kilobytes: what a rollout sends grows with the fleet, not with its square.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec
from securesystemslib.signer import Key, Signer

from edge_agent.rollout.envelope import seal, unseal
from edge_agent.rollout.fleet.plan import Plan
from edge_agent.rollout.fleet.states import UNDER_WAY, Entry, Progress, Refused, State, Status
from edge_agent.rollout.messages import Count, Moment, Name
from edge_agent.rollout.topics import RolloutTopics

HEAD_TYPE = "application/vnd.edge-agent.rollout+json"
PART_TYPE = "application/vnd.edge-agent.rollout-part+json"
PART_GATEWAYS = 50
LEASE = timedelta(seconds=60)
RENEW_S = 20.0
_REASONS = 20
_REFUSED = 50


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Who drives a rollout.

    Attributes:
        epoch: of its orders.
        instance: the computer and the home folder that it works in.
        renewed: when it was last seen to work.
        released: it has let go: the rollout ended, is paused, or was interrupted in order.
    """

    epoch: Count
    instance: str
    renewed: Moment
    released: bool = False

    def holds(self, now: datetime) -> bool:
        """Say whether whoever has it is believed to work still."""
        return not self.released and now < self.renewed + LEASE


class WaveCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many gateways of a wave are in which state, and why some are no further."""

    gateways: int
    states: dict[State, int]
    reasons: dict[str, int]


class Head(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="edge-agent/rollout/1"
):
    """A rollout without its gateways.

    Attributes:
        plan: without its waves.
        status: see Progress, as ``wave``, ``reason`` and ``next_order``.
        waves: what the gateways of each have come to.
        parts: in how many parts the gateways lie beside it.
        at: when it was written.
        lease: see Lease.
        refused: reports that were not believed, see Progress.
    """

    plan: Plan
    status: Status
    wave: int
    reason: str | None
    next_order: Moment
    waves: tuple[WaveCounts, ...]
    parts: int
    at: Moment
    lease: Lease
    refused: dict[Name, Refused]


class Part(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="edge-agent/rollout-part/1"
):
    """Some gateways of a rollout."""

    rollout: Name
    part: int
    entries: dict[Name, Entry]


def counts_of(progress: Progress) -> tuple[WaveCounts, ...]:
    """Return what each wave has come to."""
    counted = []
    for wave in progress.plan.waves:
        entries = [progress.entries[gateway] for gateway in wave]
        reasons = Counter(
            entry.reason
            for entry in entries
            if entry.reason is not None and entry.state not in UNDER_WAY
        )
        counted.append(
            WaveCounts(
                gateways=len(wave),
                states=dict(Counter(entry.state for entry in entries)),
                reasons=dict(reasons.most_common(_REASONS)),
            )
        )
    return tuple(counted)


def totals(progress: Progress) -> dict[State, int]:
    """Return how many gateways are in which state."""
    return dict(Counter(entry.state for entry in progress.entries.values()))


class Copies:
    """What has been published of one rollout, so that only changes are published again."""

    def __init__(self, topics: RolloutTopics, signers: Sequence[Signer]) -> None:
        """Sign with ``signers``."""
        self._topics = topics
        self._signers = signers
        self._known: dict[int, bytes] = {}

    def changed(
        self, progress: Progress, lease: Lease, now: datetime
    ) -> Iterator[tuple[str, bytes]]:
        """Yield topic and content of every part that changed, then the head.

        A part counts as published once the next item is asked for.
        """
        rollout = progress.plan.rollout
        gateways = list(progress.entries)
        for number, topic in enumerate(self.part_topics(progress)):
            chosen = gateways[number * PART_GATEWAYS : (number + 1) * PART_GATEWAYS]
            entries = {gateway: progress.entries[gateway] for gateway in chosen}
            part = Part(rollout=rollout, part=number, entries=entries)
            digest = hashlib.sha256(msgspec.json.encode(part)).digest()
            if self._known.get(number) != digest:
                yield topic, seal(part, PART_TYPE, self._signers)
                self._known[number] = digest
        head = Head(
            plan=msgspec.structs.replace(progress.plan, waves=()),
            status=progress.status,
            wave=progress.wave,
            reason=progress.reason,
            next_order=progress.next_order,
            waves=counts_of(progress),
            parts=len(self.part_topics(progress)),
            at=now,
            lease=lease,
            refused=dict(list(progress.refused.items())[:_REFUSED]),
        )
        yield self._topics.rollout(rollout), seal(head, HEAD_TYPE, self._signers)

    def part_topics(self, progress: Progress) -> list[str]:
        """Return where the parts lie."""
        parts = -(-len(progress.entries) // PART_GATEWAYS)
        return [self._topics.rollout_part(progress.plan.rollout, n) for n in range(parts)]


def read_head(content: bytes, keys: Sequence[Key], threshold: int) -> Head:
    """Return a head. Raises EnvelopeError."""
    return unseal(content, HEAD_TYPE, Head, keys, threshold)


def read_part(content: bytes, keys: Sequence[Key], threshold: int) -> Part:
    """Return a part. Raises EnvelopeError."""
    return unseal(content, PART_TYPE, Part, keys, threshold)


def joined(head: Head, parts: Sequence[Part]) -> Progress:
    """Return plan and progress from ``head`` and all of its ``parts``, in their order."""
    entries = {gateway: entry for part in parts for gateway, entry in part.entries.items()}
    waves = tuple(
        tuple(gateway for gateway, entry in entries.items() if entry.wave == number)
        for number in range(len(head.waves))
    )
    return Progress(
        plan=msgspec.structs.replace(head.plan, waves=waves),
        entries=entries,
        status=head.status,
        wave=head.wave,
        reason=head.reason,
        next_order=head.next_order,
        epoch=head.lease.epoch,
        refused=head.refused,
    )
