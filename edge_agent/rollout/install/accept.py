"""Whether a desire is to be believed, and whether what it wants may be done."""

from collections.abc import Collection, Mapping
from datetime import datetime

from edge_agent.bundle.bundle import LIMIT_BYTES
from edge_agent.bundle.manifest import identity_problem
from edge_agent.rollout.envelope import EnvelopeError, keys_of, unseal
from edge_agent.rollout.install.place import Placed
from edge_agent.rollout.messages import (
    DESIRE_BYTES_MAX,
    DESIRE_TYPE,
    Desire,
    Operators,
    Order,
    WantedModel,
)
from edge_agent.rollout.precedence import precedence


class DisbeliefError(Exception):
    """A desire does not come from the operators, is not for this gateway, or is an old one."""


class UnacceptableError(Exception):
    """A desire is believed, but not followed; the message says what was found, what is allowed."""


def believe(
    envelope: bytes, operators: Operators, gateway: str, newest: Order | None, known: Desire | None
) -> Desire:
    """Return the desire in ``envelope``.

    Args:
        envelope: as it came.
        operators: whose signatures count.
        gateway: this one.
        newest: order of the newest desire that was believed before.
        known: that desire: it may come again.

    Raises:
        DisbeliefError: signed by too few, for another gateway, or not newer.
    """
    try:
        desire = unseal(
            envelope,
            DESIRE_TYPE,
            Desire,
            keys_of(operators.keys),
            operators.threshold,
            bytes_max=DESIRE_BYTES_MAX,
        )
    except EnvelopeError as error:
        raise DisbeliefError(f"desire refused: {error}") from error
    if desire.gateway != gateway:
        raise DisbeliefError(f"desire refused: for {desire.gateway}, allowed: {gateway}")
    order = desire.order
    # A key that was taken back must not have counted to the end for all time.
    if order.generation != operators.generation:
        raise DisbeliefError(
            f"desire refused: generation {order.generation}, allowed: {operators.generation}"
        )
    if newest is None or order > newest or desire == known:
        return desire
    raise DisbeliefError(f"desire refused: {_shown(order)}, allowed: newer than {_shown(newest)}")


def accept(
    desire: Desire,
    now: datetime,
    followed: Collection[str],
    running: Mapping[str, Placed | None],
    floors: Mapping[str, str],
    *,
    begun: bool,
) -> None:
    """Refuse what may not be done.

    Args:
        desire: that is believed.
        now: at least the time that it was once.
        followed: lines that assets follow.
        running: what each line uses.
        floors: lowest version of each line.
        begun: the desire was believed before it expired.

    Raises:
        UnacceptableError: expired, a line that nobody follows or that is named twice, no version,
            or one that is too low, or a bundle that is too large.
    """
    if not begun and desire.expires <= now:
        raise UnacceptableError(
            f"expired {desire.expires:%Y-%m-%d %H:%M} UTC, it is {now:%Y-%m-%d %H:%M}"
        )
    lines = [model.line for model in desire.models]
    for model in desire.models:
        if model.line not in followed:
            allowed = ", ".join(sorted(followed)) or "none, as no asset follows a line"
            raise UnacceptableError(f"line {model.line}: followed by no asset, allowed: {allowed}")
        if model.length > LIMIT_BYTES:
            raise UnacceptableError(
                f"line {model.line}: {model.length} bytes, allowed: {LIMIT_BYTES} at most"
            )
        if lines.count(model.line) > 1:
            raise UnacceptableError(f"line {model.line}: wanted twice, allowed: once")
        accept_version(
            model,
            running.get(model.line),
            floors.get(model.line),
            allow_downgrade=desire.terms.allow_downgrade,
        )


def accept_version(
    model: WantedModel, running: Placed | None, floor: str | None, *, allow_downgrade: bool
) -> None:
    """Refuse a version that is too low.

    Versions of bundles of different names cannot be compared, and are not.

    Raises:
        UnacceptableError: below the floor, or below what runs where that is not allowed.
    """
    problem = identity_problem(model.name, model.version)
    if problem is not None:
        raise UnacceptableError(f"line {model.line}: {problem}")
    wanted = precedence(model.version)
    if floor is not None and wanted < precedence(floor):
        raise UnacceptableError(
            f"line {model.line}: version {model.version}, allowed: {floor} or higher"
        )
    if allow_downgrade or running is None or running.name != model.name:
        return
    if wanted < precedence(running.version):
        raise UnacceptableError(
            f"line {model.line}: version {model.version} below {running.version}, which runs;"
            " allowed: lower only with --allow-downgrade"
        )


def _shown(order: Order) -> str:
    return f"order {order.generation}.{order.epoch}.{order.counter}"
