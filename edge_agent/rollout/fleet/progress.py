"""How far a rollout is: a state machine without sockets, files or a clock.

Whoever drives it tells it what happened and when, asks which gateways are ``due`` an order, and
keeps it on disk before anything that it said is sent.

    running -> completed                      all gateways of all waves have proved it
    running -> ended                          all have ended, some without having proved it
    running <-> paused                        no further orders; what was ordered goes on
    any -> aborting -> aborted                stopped, or taken back, wherever it had come to
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from edge_agent.rollout.fleet.judge import judge
from edge_agent.rollout.fleet.plan import Plan
from edge_agent.rollout.fleet.states import (
    PROVED,
    REVOKING,
    UNDER_WAY,
    Before,
    Entry,
    Progress,
    Refused,
    State,
)
from edge_agent.rollout.messages import Desire, Order, Report

_REASON_LENGTH = 300
_CATCH_UP = timedelta(seconds=2)  # of orders that a late driver may send at once


def begin(plan: Plan) -> Progress:
    """Return the progress of a rollout that has not begun yet."""
    entries = {
        gateway: Entry(wave=number) for number, wave in enumerate(plan.waves) for gateway in wave
    }
    return Progress(plan=plan, entries=entries, next_order=plan.created)


def due(progress: Progress, now: datetime) -> list[str]:
    """Return the gateways that are to have an order now, as far as the rate goes.

    Orders to stay as it is load nothing, and go at once.
    """
    if progress.status == "aborting":
        found = [gateway for gateway, entry in progress.entries.items() if _to_revoke(entry)]
        stops = [gateway for gateway in found if progress.entries[gateway].state == "stopping"]
        backs = [gateway for gateway in found if progress.entries[gateway].state == "taking_back"]
        return stops + backs[: _room(progress, now)]
    if progress.status != "running":
        return []
    wave = progress.plan.waves[progress.wave]
    waiting = [gateway for gateway in wave if progress.entries[gateway].state == "waiting"]
    return waiting[: _room(progress, now)]


def _to_revoke(entry: Entry) -> bool:
    return entry.state in REVOKING and entry.order is None


def _room(progress: Progress, now: datetime) -> int:
    begun = max(progress.next_order, now - _CATCH_UP)
    return max(0, int((now - begun) / _interval(progress)) + 1) if begun <= now else 0


def _interval(progress: Progress) -> timedelta:
    return timedelta(minutes=1) / progress.plan.rate_per_min


def order(
    progress: Progress, gateway: str, number: Order, now: datetime, before: Before | None
) -> None:
    """Note that ``gateway``, which is ``due``, is about to be sent order ``number``."""
    entry = progress.entries[gateway]
    entry.order, entry.issued, entry.sent = number, now, False
    if entry.state == "stopping":
        return
    progress.next_order = max(progress.next_order, now - _CATCH_UP) + _interval(progress)
    if entry.state == "waiting":
        entry.before = before
        _move(entry, "ordered", None, now)


def recall(progress: Progress, desire: Desire) -> None:
    """Note an order that another controller gave and had not written down for us yet."""
    entry = progress.entries.get(desire.gateway)
    if entry is None or desire.rollout != progress.plan.rollout:
        return
    if entry.order is not None and entry.order >= desire.order:
        return
    entry.order, entry.issued, entry.sent = desire.order, desire.issued, True
    if entry.state == "waiting":
        _move(entry, "ordered", None, desire.issued)


def unsent(progress: Progress) -> list[str]:
    """Return the gateways whose order nobody knows the broker to have."""
    return [
        gateway
        for gateway, entry in progress.entries.items()
        if entry.order is not None and not entry.sent
    ]


def sent(progress: Progress, gateways: Iterable[str], now: datetime) -> None:
    """Note that the broker has the orders of ``gateways``."""
    for gateway in gateways:
        entry = progress.entries[gateway]
        entry.sent = True
        if entry.state == "stopping":
            _move(entry, "stopped", entry.reason, now)


def hear(progress: Progress, report: Report, now: datetime) -> bool:
    """Take a verified report into account; return whether it answers the gateway's order.

    The newest report decides, also after the gateway had ended: one that was given up may still
    prove itself, and one that had proved itself may lose its model again.

    Args:
        progress: to be changed.
        report: its signature and number have been checked.
        now: the operator's time.
    """
    entry = progress.entries[report.gateway]
    if entry.order is None or report.answers != entry.order or report.number <= entry.number:
        return False
    if entry.distrusted:
        return True
    entry.number = report.number
    plan = progress.plan
    if entry.state == "taking_back" and entry.before is not None:
        back = {line: ran.sha256 for line, ran in entry.before.models.items()}
        verdict = judge(report, back, entry.before.settings, 0.0)
        if verdict.judged == "succeeded":
            _move(entry, "taken_back", None, now)
        elif verdict.judged == "failed":
            _move(entry, "not_taken_back", verdict.reason, now)
        else:
            entry.reason = verdict.reason
    elif entry.state in (*UNDER_WAY, *PROVED):
        verdict = judge(report, plan.wanted, plan.settings, plan.terms.hold_s)
        given_up = entry.state == "timed_out" and verdict.judged in ("working", "holding")
        if not given_up:
            _move(entry, verdict.judged, verdict.reason, now)
    return True


def distrust(progress: Progress, gateway: str, reason: str, now: datetime) -> None:
    """Count ``gateway`` as failed, whatever it says: somebody else holds its key too."""
    entry = progress.entries[gateway]
    entry.distrusted = True
    if entry.state in ("waiting", *UNDER_WAY, *PROVED):
        _move(entry, "failed", reason, now)
    elif entry.state == "taking_back":
        _move(entry, "not_taken_back", reason, now)


def cannot_take_back(progress: Progress, gateway: str, reason: str, now: datetime) -> None:
    """Note that there is nothing that ``gateway`` could be taken back to."""
    _move(progress.entries[gateway], "not_taken_back", reason, now)


def renumber(progress: Progress, generation: int) -> None:
    """Take back the orders that nobody has answered and whose keys have been replaced since."""
    for entry in progress.entries.values():
        if entry.order is None or entry.order.generation == generation:
            continue
        if entry.state == "ordered":
            entry.state, entry.order, entry.issued = "waiting", None, None
        elif entry.state in REVOKING:
            entry.order = entry.issued = None


def refuse(progress: Progress, gateway: str, kind: str, reason: str, now: datetime) -> None:
    """Note that a report under the name of ``gateway`` was not believed."""
    known = progress.refused.get(gateway)
    count = 1 if known is None else known.count + 1
    progress.refused[gateway] = Refused(kind=kind, reason=reason, at=now, count=count)


def tick(progress: Progress, now: datetime) -> bool:
    """Give up who is silent, abort where a limit is broken, go on to the next wave, or end.

    Returns:
        Something is not as it was.
    """
    before = (progress.status, progress.wave)
    given_up = _give_up(progress, now)
    if progress.status == "aborting":
        if not any(entry.state in REVOKING for entry in progress.entries.values()):
            progress.status = "aborted"
    elif not progress.ended:
        broken = _broken(progress)
        if broken is not None:
            abort(progress, broken, now, take_back=False)
        else:
            _go_on(progress)
    return given_up or before != (progress.status, progress.wave)


def _go_on(progress: Progress) -> None:
    while progress.status == "running" and _wave_ended(progress):
        if progress.wave + 1 < len(progress.plan.waves):
            progress.wave += 1
        else:
            proved = all(entry.state == "succeeded" for entry in progress.entries.values())
            progress.status = "completed" if proved else "ended"


def _give_up(progress: Progress, now: datetime) -> bool:
    given_up = False
    for entry in progress.entries.values():
        if entry.issued is None or now <= entry.issued + progress.plan.patience:
            continue
        said = f"; the last it said: {entry.reason}" if entry.reason else ""
        state = entry.state
        if entry.state == "ordered":
            _move(entry, "timed_out", "silent since its order", now)
        elif entry.state in UNDER_WAY:
            _move(entry, "timed_out", f"not proved in time{said}", now)
        elif entry.state == "taking_back" and entry.order is not None:
            _move(entry, "not_taken_back", f"not in time{said}", now)
        given_up = given_up or entry.state != state
    return given_up


def _wave_ended(progress: Progress) -> bool:
    wave = progress.plan.waves[progress.wave]
    return all(progress.entries[gateway].state in PROVED for gateway in wave)


def _broken(progress: Progress) -> str | None:
    """Return which limit is broken where: in the wave, or in all waves that have begun."""
    wave = progress.plan.waves[progress.wave]
    begun = [gateway for wave in progress.plan.waves[: progress.wave + 1] for gateway in wave]
    for where, gateways in ((f"wave {progress.wave + 1}", wave), ("all waves so far", begun)):
        states = Counter(progress.entries[gateway].state for gateway in gateways)
        for limit in progress.plan.limits:
            if limit.broken(states[limit.of], len(gateways)):
                counted = f"{states[limit.of]} of {len(gateways)}"
                return f"{limit} is broken in {where}: {counted}"
    return None


def pause(progress: Progress, reason: str) -> bool:
    """Give no further orders; return whether there were any to give."""
    if progress.status != "running":
        return False
    progress.status, progress.reason = "paused", reason
    return True


def resume(progress: Progress) -> bool:
    """Go on; return whether it was paused."""
    if progress.status != "paused":
        return False
    progress.status, progress.reason = "running", None
    return True


def abort(progress: Progress, reason: str, now: datetime, *, take_back: bool) -> bool:
    """Stop every gateway that is under way; return whether there was anything to do.

    Who has not begun yet is told to stay as it is, by a newer order: the older one is worth
    nothing from then on, whoever kept it. With ``take_back`` those that moved go back to what
    they ran before, also of a rollout that has ended.
    """
    if progress.ended and not take_back:
        return False
    progress.status, progress.reason = "aborting", reason
    for entry in progress.entries.values():
        if entry.state == "waiting":
            _move(entry, "stopped", "never begun", now)
        elif entry.state in (*UNDER_WAY, "timed_out") or (take_back and entry.state == "succeeded"):
            _revoke(progress.plan, entry, now, take_back=take_back)
    return True


def _revoke(plan: Plan, entry: Entry, now: datetime, *, take_back: bool) -> None:
    before = entry.before
    models = None if before is None else {k: ran.sha256 for k, ran in before.models.items()}
    known = models is not None and models.keys() == plan.wanted.keys()
    if entry.state == "succeeded":
        if not known:
            _move(entry, "not_taken_back", "nothing is known to have run before", now)
            return
        if models == plan.wanted and plan.settings is None:
            return  # it had run that model before
    entry.order = entry.issued = None
    _move(entry, "taking_back" if take_back and known else "stopping", entry.reason, now)


def _move(entry: Entry, state: State, reason: str | None, now: datetime) -> None:
    if entry.state != state:
        entry.state, entry.since = state, now
    entry.reason = None if reason is None else reason[:_REASON_LENGTH]
