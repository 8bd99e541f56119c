"""Who may drive a rollout: one controller for the fleet, and the newest one counts."""

import contextlib
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from edge_agent.rollout.envelope import EnvelopeError, seal, unseal
from edge_agent.rollout.fleet.copies import (
    HEAD_TYPE,
    Head,
    Lease,
    Part,
    joined,
    read_head,
    read_part,
)
from edge_agent.rollout.fleet.desk import Desk
from edge_agent.rollout.fleet.kept import RolloutError
from edge_agent.rollout.fleet.progress import recall
from edge_agent.rollout.fleet.states import ENDED, Progress
from edge_agent.rollout.messages import DESIRE_TYPE, Desire, Report
from edge_agent.rollout.mqtt import BrokerClient
from edge_agent.rollout.repository.upload import keep_and_publish

_WAY_S = 20.0


class HeldError(Exception):
    """Another controller drives rollouts of this fleet; the message says which."""


def heads_of(desk: Desk, contents: Iterable[bytes]) -> list[Head]:
    """Return the heads that the operators have signed; what else lies there says nothing."""
    found = []
    for content in contents:
        try:
            found.append(read_head(content, desk.keys, desk.operators.threshold))
        except EnvelopeError:
            continue
    return found


def claim(
    desk: Desk,
    rollout: str,
    heads: Iterable[Head],
    answered: Iterable[Report],
    now: datetime,
    *,
    take_over: bool,
) -> tuple[int, Head | None]:
    """Return the epoch to drive ``rollout`` in, and the head to go on from where it is newer.

    Args:
        desk: of the operator; its home folder is locked.
        rollout: its id.
        heads: of all rollouts on the broker.
        answered: verified reports of gateways: they may follow orders that were not made here.
        now: the operator's time.
        take_over: also from a controller that is believed to work.

    Raises:
        HeldError: another one drives, and ``take_over`` is not set.
        OrdersError, OSError: of the home folder.
    """
    others = [head for head in heads if head.lease.instance != desk.instance]
    for head in others:
        if head.lease.holds(now) and not take_over:
            raise HeldError(
                f"{head.lease.instance} drives {head.plan.rollout}, last seen"
                f" {head.lease.renewed:%H:%M:%S} UTC; allowed: there, or resume --take-over of it"
            )
    used = desk.orders.used()
    generation = desk.operators.generation
    # A home folder from a backup counts from an older number than gateways have heard.
    ahead = {
        report.answers.epoch
        for report in answered
        if report.answers is not None
        and report.answers.generation == generation
        and (report.answers.epoch, report.answers.counter) > (used.epoch, used.counter)
    }
    newer = [
        head
        for head in others
        if head.plan.rollout == rollout and head.lease.epoch >= _epoch(desk, rollout)
    ]
    epoch = desk.orders.surpass(ahead | {head.lease.epoch for head in others})
    return epoch, newer[-1] if newer else None


def make_way(desk: Desk, client: BrokerClient, head: Head, epoch: int, now: datetime) -> None:
    """Have the controller behind ``head`` stop, and wait a while for it to say that it has.

    Until it has heard of us it sends orders that we could not know of.

    Raises:
        KeyFileError, HomeError, OSError: of the home folder.
        BrokerError: lost.
    """
    rollout, left = head.plan.rollout, threading.Event()
    client.subscribe(desk.topics.left(rollout), lambda _topic, _payload: left.set())
    lease = Lease(epoch=epoch, instance=desk.instance, renewed=now)
    ours = seal(msgspec.structs.replace(head, lease=lease, at=now), HEAD_TYPE, desk.signers)
    keep_and_publish(client, desk.home, desk.topics.rollout(rollout), ours)
    client.flush()
    left.wait(_WAY_S)


def adopt(desk: Desk, client: BrokerClient, head: Head) -> Progress:
    """Return the progress that another controller left on the broker.

    It sends orders before it publishes that it has: those say so themselves.

    Raises:
        RolloutError: it has ended there; a part is missing, or not signed by an operator.
        BrokerError: lost.
        OSError: of the home folder.
    """
    rollout = head.plan.rollout
    if head.status in ENDED:
        with contextlib.suppress(RolloutError):  # where it was known here: nothing waits for it
            local = desk.kept.read(rollout)
            local.status, local.reason = head.status, f"under {head.lease.instance}"
            desk.kept.write(local)
        raise RolloutError(f"{rollout}: {head.status} under {head.lease.instance}")
    found = client.collect(f"{desk.topics.rollout(rollout)}/+", desk.topics.fence)
    progress = joined(head, [_part(desk, found, rollout, n) for n in range(head.parts)])
    desired = client.collect(desk.topics.desired("+"), desk.topics.fence)
    for content in desired.values():
        try:
            desire = unseal(content, DESIRE_TYPE, Desire, desk.keys, desk.operators.threshold)
        except EnvelopeError:
            continue  # nobody follows it
        recall(progress, desire)
    return progress


def _part(desk: Desk, found: Mapping[str, bytes], rollout: str, number: int) -> Part:
    topic = desk.topics.rollout_part(rollout, number)
    try:
        part = read_part(found.get(topic, b""), desk.keys, desk.operators.threshold)
    except EnvelopeError as error:
        raise RolloutError(f"{topic}: {error}") from error
    if (part.rollout, part.part) != (rollout, number):
        raise RolloutError(f"{topic}: part {part.part} of {part.rollout}")
    return part


def superseded(desk: Desk, heads: Iterable[Head], epoch: int) -> Lease | None:
    """Return the lease of a controller that came after the one with ``epoch``."""
    for head in heads:
        if head.lease.instance != desk.instance and head.lease.epoch > epoch:
            return head.lease
    return None


def _epoch(desk: Desk, rollout: str) -> int:
    try:
        return desk.kept.read(rollout).epoch
    except RolloutError:
        return -1
