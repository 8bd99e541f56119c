"""What was heard held against what the ledger says, and against itself.

A message is lost where the ledger counts it as queued and nobody heard it, or where its number is
missing among those of its topic and session. It is doubled where two messages with different ids
speak of the same window, or where one id says two things.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec

from benchmarks.torture.agent import Agent, wait_until
from benchmarks.torture.ears import Ears, Heard
from edge_agent.daemon.ledger import LedgerSnapshot, MessageCounts, violations

_SLOW_EARS_S = 120.0


def snapshot(agent: Agent) -> LedgerSnapshot | None:
    """Return what the running agent counts, None before it says so."""
    ledger = agent.report().get("ledger")
    return None if ledger is None else msgspec.convert(ledger, LedgerSnapshot)


def drained(agent: Agent, ears: Ears, timeout_s: float) -> LedgerSnapshot:
    """Wait until nothing is pending and nothing more arrives; return what is counted then.

    Raises:
        TortureError: that does not come about.
    """

    def is_drained() -> bool:
        if agent.ended is not None:
            raise agent.failure("it ended")
        found = snapshot(agent)
        return found is not None and found.total().pending == 0

    if not wait_until(is_drained, timeout_s):
        found = snapshot(agent)
        left = "nothing is known" if found is None else f"{found.total().pending} messages wait"
        raise agent.failure(f"{left} after {timeout_s:.0f} s")
    known = snapshot(agent)
    acknowledged = 0 if known is None else known.total().acknowledged
    wait_until(lambda: len(ears.heard) >= acknowledged, _SLOW_EARS_S)  # a busy machine pauses
    heard = -1
    while heard != len(ears.heard):
        heard = len(ears.heard)
        wait_until(lambda: False, 1.0)
    found = snapshot(agent)
    if found is None:
        raise agent.failure("it no longer says what it counts")
    return found


def by_id(heard: Sequence[Heard]) -> dict[str, Heard]:
    """Return the first message of each id."""
    first: dict[str, Heard] = {}
    for message in heard:
        first.setdefault(message.said["id"], message)
    return first


def holes(heard: Sequence[Heard]) -> int:
    """Return how many numbers are missing below the highest of each topic and session."""
    numbers = defaultdict[tuple[str, str, str], set[int]](set)
    for message in heard:
        numbers[message.asset, message.kind, message.said["session"]].add(message.said["seq"])
    return sum(max(found) + 1 - len(found) for found in numbers.values())


def doubled(heard: Sequence[Heard]) -> int:
    """Return how many messages say again what one with another id said; see above."""
    spoken = Counter(_subject(message) for message in by_id(heard).values())
    again = sum(count - 1 for count in spoken.values())
    said = defaultdict[str, set[str]](set)
    for message in heard:
        said[message.said["id"]].add(repr(sorted(message.said.items())))
    return again + sum(len(versions) - 1 for versions in said.values())


def _subject(message: Heard) -> tuple[Any, ...]:
    said = message.said
    event = said.get("event")  # of an anomaly its kind; of a snapshot the whole message
    what = event["id"] if isinstance(event, dict) else event
    return (message.asset, message.kind, said["start"], said["end"], what)


def counts(ledger: LedgerSnapshot, kind: str) -> MessageCounts:
    """Return the sum over all assets for one kind."""
    total = MessageCounts()
    for asset in ledger.assets:
        for name, found in asset.messages.items():
            if name == kind:
                total.add(found)
    return total


def contradictions(ledger: LedgerSnapshot, heard: Sequence[Heard]) -> list[str]:
    """Return sentences: counts that contradict each other, or what was heard."""
    found = violations(ledger)
    once = by_id(heard).values()
    heard_of = Counter((message.asset, message.kind) for message in once)
    for asset in ledger.assets:
        for kind, counted in asset.messages.items():
            wanted = counted.queued - counted.evicted - counted.expired - counted.lost
            if heard_of[asset.asset, kind] != wanted:
                found.append(
                    f"{asset.asset}: {heard_of[asset.asset, kind]} {kind} messages heard,"
                    f" {counted.queued} queued, {counted.acknowledged} acknowledged,"
                    f" {counted.evicted} evicted, {counted.expired} expired, {counted.lost} lost"
                )
        scores = asset.messages.get("score", MessageCounts())
        if asset.windows.sampled != scores.queued:
            found.append(
                f"{asset.asset}: {asset.windows.sampled} windows, {scores.queued} scores queued"
            )
    return found


def contradictions_inside(report: dict[str, Any]) -> list[str]:
    """Return sentences: counts of a report's ledger that contradict each other."""
    return violations(msgspec.convert(report["ledger"], LedgerSnapshot))
