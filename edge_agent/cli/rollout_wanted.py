"""A rollout from the words of the command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from edge_agent.rollout.fleet.start import Asked
    from edge_agent.rollout.messages import RemoteSettings

_SWITCHES = {"true": True, "on": True, "false": False, "off": False}
_ALLOWED = (
    "publish_features or publish_score =true or false, period_s.ASSET or"
    " false_alarms_per_month.ASSET =NUMBER"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was written."""

    model: str | None
    line: str | None
    to: tuple[str, ...]
    settings: tuple[str, ...]
    waves: str
    hold_s: float
    min_windows: int
    abort_if: tuple[str, ...]
    rate: str
    timeout_s: float
    limits: tuple[str, ...]
    allow_downgrade: bool


def asked_of(wanted: Wanted, by: str) -> "Asked":
    """Return what is asked for. Raises PlanError."""
    from edge_agent.daemon.trial.verdict import Limits
    from edge_agent.rollout.fleet.plan import PlanError, parse_limit, parse_rate, parse_waves
    from edge_agent.rollout.fleet.start import Asked
    from edge_agent.rollout.messages import Terms

    terms = {
        "min_windows": wanted.min_windows,
        "timeout_s": wanted.timeout_s,
        "hold_s": wanted.hold_s,
        "limits": _numbers(wanted.limits),
        "allow_downgrade": wanted.allow_downgrade,
    }
    try:
        msgspec.convert(terms["limits"], Limits)
        return Asked(
            model=wanted.model,
            line=wanted.line,
            to=wanted.to,
            waves=parse_waves(wanted.waves),
            limits=tuple(map(parse_limit, wanted.abort_if)),
            rate_per_min=parse_rate(wanted.rate),
            terms=msgspec.convert(terms, Terms),
            settings=settings_of(wanted.settings),
            by=by,
        )
    except msgspec.ValidationError as error:
        known = ", ".join(field.name for field in msgspec.structs.fields(Limits))
        raise PlanError(f"{error}; allowed limits of the trial: {known}") from error


def settings_of(words: Sequence[str]) -> "RemoteSettings | None":
    """Return the settings of such as ``period_s.pump-1=60``; None for none. Raises PlanError."""
    from edge_agent.rollout.fleet.plan import PlanError
    from edge_agent.rollout.messages import RemoteSettings

    if not words:
        return None
    switches: dict[str, bool] = {}
    numbers: dict[str, dict[str, float]] = {}
    for word in words:
        key, _, value = word.partition("=")
        name, _, asset = key.partition(".")
        if name in ("publish_features", "publish_score") and not asset and value in _SWITCHES:
            switches[name] = _SWITCHES[value]
        elif name in ("period_s", "false_alarms_per_month") and asset:
            numbers.setdefault(name, {}).update(_numbers([f"{asset}={value}"]))
        else:
            raise PlanError(f"set: found {word!r}; allowed: {_ALLOWED}")
    try:
        return msgspec.convert({**switches, **numbers}, RemoteSettings)
    except msgspec.ValidationError as error:
        raise PlanError(f"set: {error}; allowed: {_ALLOWED}") from error


def _numbers(words: Sequence[str]) -> dict[str, float]:
    from edge_agent.rollout.fleet.plan import PlanError

    found = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            found[name] = float(value)
        except ValueError as error:
            raise PlanError(f"found {word!r}; allowed: NAME=NUMBER") from error
    return found
