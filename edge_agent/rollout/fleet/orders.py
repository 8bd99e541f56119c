"""Numbers of orders, and the desires that carry them.

A number is used once: it is on the disk as used before the desire is sent. The epoch is one
controller's; whoever takes over counts it up, and so needs not know how far the other had counted.
"""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import msgspec
from securesystemslib.signer import Signer

from edge_agent.disk import write_durably
from edge_agent.rollout.envelope import seal
from edge_agent.rollout.fleet.plan import Plan
from edge_agent.rollout.fleet.states import Entry
from edge_agent.rollout.messages import (
    DESIRE_TYPE,
    SPREAD_MAX_S,
    Count,
    Desire,
    Name,
    Order,
    RemoteSettings,
    Terms,
    WantedModel,
)


class OrdersError(Exception):
    """The file of used numbers cannot be read; the message says why."""


class Used(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="edge-agent/rollout-orders/1"
):
    """What was used.

    Attributes:
        epoch: the current one.
        counter: the highest used in any epoch; never counted down, so that it rises in each.
    """

    epoch: Count = 1
    counter: Count = 0


class Orders:
    """The file; whoever takes numbers holds the home folder's lock."""

    def __init__(self, file: Path, generation: int) -> None:
        """Count in ``file`` for the ``generation`` of the operators' keys."""
        self._file = file
        self._generation = generation

    def used(self) -> Used:
        """Return what was used. Raises OrdersError."""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Used)
        except FileNotFoundError:
            return Used()
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise OrdersError(f"{self._file}: {error}") from error

    def surpass(self, epochs: Iterable[int]) -> int:
        """Make the epoch greater than all of ``epochs``; return it. Raises OrdersError, OSError."""
        used = self.used()
        highest = max(epochs, default=-1)
        if highest >= used.epoch:
            used = Used(epoch=highest + 1, counter=used.counter)
            write_durably(self._file, msgspec.json.encode(used))
        return used.epoch

    def take(self, count: int) -> list[Order]:
        """Return ``count`` new numbers. Raises OrdersError, OSError."""
        used = self.used()
        taken = Used(epoch=used.epoch, counter=used.counter + count)
        write_durably(self._file, msgspec.json.encode(taken))
        return [
            Order(generation=self._generation, epoch=used.epoch, counter=used.counter + 1 + i)
            for i in range(count)
        ]


def desire_of(
    plan: Plan,
    gateway: Name,
    entry: Entry,
    back: tuple[WantedModel, ...],
    signers: Iterable[Signer],
) -> bytes:
    """Return the desire that ``entry`` was numbered for: the same bytes each time.

    Args:
        plan: of the rollout.
        gateway: for whom.
        entry: its entry, with order and time of issue.
        back: what it is to go back to, where it is being taken back.
        signers: the operators' online keys.

    Raises:
        ValueError: no number was taken for it.
    """
    if entry.order is None or entry.issued is None:
        raise ValueError(f"{gateway}: no number was taken")
    models, settings, terms = plan.models, plan.settings, plan.terms
    if entry.state in ("stopping", "stopped"):
        models, settings = (), None
    else:
        terms = msgspec.structs.replace(terms, spread_s=_spread_s(plan, entry))
    if entry.state in ("taking_back", "taken_back", "not_taken_back"):
        models, settings = back, _settings_before(plan, entry)
        terms = _terms_back(terms)
    desire = Desire(
        gateway=gateway,
        order=entry.order,
        issued=entry.issued,
        expires=entry.issued + timedelta(seconds=terms.timeout_s),
        rollout=plan.rollout,
        models=models,
        terms=terms,
        settings=settings,
    )
    return seal(desire, DESIRE_TYPE, signers)


def _spread_s(plan: Plan, entry: Entry) -> float:
    """Return how long the orders of a wave take: no outage is to make it quicker than that."""
    wave_s = 60.0 * len(plan.waves[entry.wave]) / plan.rate_per_min
    return min(wave_s, plan.terms.timeout_s / 4.0, SPREAD_MAX_S)


def _settings_before(plan: Plan, entry: Entry) -> RemoteSettings | None:
    if plan.settings is None or entry.before is None:
        return None
    return entry.before.settings or RemoteSettings()


def _terms_back(terms: Terms) -> Terms:
    """What ran before may differ from what runs in all that a trial looks at: that is why."""
    return msgspec.structs.replace(terms, hold_s=0.0, allow_downgrade=True, trial=False)
