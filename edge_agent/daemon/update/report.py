"""What status, metrics and the support archive tell of the update."""

import msgspec

from edge_agent.rollout.install.journal import Standing
from edge_agent.rollout.messages import Moment, UpdateState


class UpdateReport(msgspec.Struct, frozen=True, kw_only=True):
    """How the update stands.

    Attributes:
        enrolled: the operator's desires are listened to.
        state: see UpdateState.
        reason: why it is so.
        since: when the state was entered.
        rollout: that it belongs to.
        models: what is wanted, as ``press: bearing 1.4.0``.
        held_s: seconds that it has run without a fault; None where it does not run.
        hold_s: seconds that it is to run before it counts as proven.
        problem: why it does not go on.
        waiting: what it waits for.
        warnings: what will be wrong soon, and which secrets of the gateway lie open.
    """

    enrolled: bool
    state: UpdateState
    reason: str | None = None
    since: Moment | None = None
    rollout: str | None = None
    models: tuple[str, ...] = ()
    held_s: float | None = None
    hold_s: float | None = None
    problem: str | None = None
    waiting: str | None = None
    warnings: tuple[str, ...] = ()


def update_report(
    standing: Standing,
    *,
    enrolled: bool,
    problem: str | None,
    waiting: str | None,
    exposed: tuple[str, ...],
) -> UpdateReport:
    """Return what there is to tell of ``standing``, and of the gateway's own secrets."""
    desire = standing.desire
    models = () if desire is None else desire.models
    return UpdateReport(
        enrolled=enrolled,
        state=standing.state,
        reason=standing.reason,
        since=standing.since,
        rollout=None if desire is None else desire.rollout,
        models=tuple(f"{model.line}: {model.name} {model.version}" for model in models),
        held_s=standing.held_s,
        hold_s=None if desire is None else desire.terms.hold_s,
        problem=problem,
        waiting=waiting,
        warnings=(*standing.warnings, *exposed),
    )
