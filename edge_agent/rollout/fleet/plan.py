"""What a rollout is to do: to which gateways, in what order, how fast, and when to give up."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from edge_agent.rollout.messages import (
    Moment,
    Name,
    Positive,
    RemoteSettings,
    Terms,
    WantedModel,
)

Counted = Literal["failed", "timed_out"]
_WAVE = re.compile(r"(\d{1,6})(%?)")
_LIMIT = re.compile(r"(failed|timed_out)>(\d{1,6}(?:\.\d{1,3})?)(%?)")
_RATE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)/(s|min|h)")
_PER_MIN = {"s": 60.0, "min": 1.0, "h": 1.0 / 60.0}
_WHOLE = 100


class PlanError(Exception):
    """A rollout cannot be planned so; the message says what was found and what is allowed."""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """When to abort.

    Attributes:
        of: which gateways are counted.
        more_than: so many of them; where ``share`` is set, so many per cent.
        share: ``more_than`` is per cent: of the wave, and of all waves that have begun.
    """

    of: Counted
    more_than: Annotated[float, msgspec.Meta(ge=0)]
    share: bool

    def __str__(self) -> str:
        """Return it as it is written on the command line."""
        return f"{self.of}>{self.more_than:g}{'%' if self.share else ''}"

    def broken(self, counted: int, whole: int) -> bool:
        """Say whether ``counted`` of ``whole`` gateways are too many."""
        return counted > (self.more_than * whole / _WHOLE if self.share else self.more_than)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided at the start; it never changes.

    Attributes:
        rollout: its id.
        created: when.
        by: whom, as the operating system names them.
        to: the gateways, as they were asked for.
        models: what they shall run; empty where only settings change.
        settings: what is to be in force; None: as they are.
        terms: for every gateway; ``terms.hold_s`` and ``terms.timeout_s`` are the controller's too.
        waves: of gateways that move together; the next begins when all of one have ended.
        limits: any of them broken aborts the rollout.
        rate_per_min: orders a minute.
    """

    rollout: Name
    created: Moment
    by: str
    to: tuple[str, ...]
    models: tuple[WantedModel, ...]
    settings: RemoteSettings | None
    terms: Terms
    waves: tuple[tuple[Name, ...], ...]
    limits: tuple[Limit, ...]
    rate_per_min: Positive

    @property
    def wanted(self) -> dict[str, str]:
        """The sha256 that each line shall run."""
        return {model.line: model.sha256 for model in self.models}

    @property
    def patience(self) -> timedelta:
        """How long after its order a gateway is waited for: until it must be active, and held."""
        return timedelta(seconds=self.terms.timeout_s + self.terms.hold_s)


def parse_waves(text: str) -> tuple[tuple[int, bool], ...]:
    """Return the waves of such as ``1,10%,50%,100%``: each a number and whether it is per cent.

    Raises:
        PlanError: something else.
    """
    parts = [_WAVE.fullmatch(part.strip()) for part in text.split(",")]
    waves = [(int(part[1]), part[2] == "%") for part in parts if part is not None]
    if len(waves) != len(parts) or waves[-1] != (_WHOLE, True):
        raise PlanError(
            f"waves: found {text!r}; allowed: how many gateways have begun by the end of each,"
            " as numbers or per cent, and 100% in the end, such as 1,10%,50%,100%"
        )
    if any(count == 0 or (share and count > _WHOLE) for count, share in waves):
        raise PlanError(f"waves: found {text!r}; allowed: from 1 gateway or 1% to 100%")
    return tuple(waves)


def parse_limit(text: str) -> Limit:
    """Return the limit of such as ``failed>5%`` or ``timed_out>20``.

    Raises:
        PlanError: something else.
    """
    match = _LIMIT.fullmatch(text.replace(" ", ""))
    if match is None:
        raise PlanError(
            f"abort-if: found {text!r}; allowed: failed or timed_out, >, and a number of gateways"
            " or per cent of the wave, such as failed>5%"
        )
    of: Counted = "failed" if match[1] == "failed" else "timed_out"
    return Limit(of=of, more_than=float(match[2]), share=match[3] == "%")


def parse_rate(text: str) -> float:
    """Return the orders a minute of such as ``100/min``, ``5/s`` or ``600/h``.

    Raises:
        PlanError: something else, or none at all.
    """
    match = _RATE.fullmatch(text.replace(" ", ""))
    rate = float(match[1]) * _PER_MIN[match[2]] if match else 0.0
    if rate <= 0.0:
        raise PlanError(f"rate: found {text!r}; allowed: such as 100/min, 5/s or 600/h")
    return rate


def divide(
    gateways: Iterable[str], waves: Sequence[tuple[int, bool]], rollout: str
) -> tuple[tuple[str, ...], ...]:
    """Return the gateways of each wave; shares are of all and rounded up, empty waves left out.

    Who goes first is drawn anew for each rollout, by the digest of its id and the gateway's name:
    else the same ones would always try what is new, and neighbours would go together.

    Raises:
        PlanError: there are no gateways.
    """
    drawn = sorted(
        set(gateways), key=lambda name: hashlib.sha256(f"{rollout} {name}".encode()).digest()
    )
    if not drawn:
        raise PlanError("no gateway in the inventory is meant")
    divided: list[tuple[str, ...]] = []
    begun = 0
    for count, share in waves:
        until = -(-count * len(drawn) // _WHOLE) if share else min(count, len(drawn))
        if until > begun:
            divided.append(tuple(drawn[begun:until]))
            begun = until
    return tuple(divided)
