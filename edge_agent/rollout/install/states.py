"""Which state of an update may follow which."""

from collections.abc import Mapping

from edge_agent.rollout.messages import ENDED, UNSUCCESSFUL, UpdateState

_ANEW: frozenset[UpdateState] = frozenset(("downloading", "rejected"))
_FAILING: frozenset[UpdateState] = frozenset(UNSUCCESSFUL)

# A desire that replaces another begins anew from wherever that one was. What the agent runs
# already is active as soon as it is verified, and what replaces nothing is staged without a trial.
FOLLOWING: Mapping[UpdateState, frozenset[UpdateState]] = {
    "idle": _ANEW | {"failed"},
    "downloading": _ANEW | _FAILING | {"verifying"},
    "verifying": _ANEW | _FAILING | {"staged", "active"},
    "staged": _ANEW | _FAILING | {"trial", "committing", "active"},
    "trial": _ANEW | _FAILING | {"committing"},
    "committing": _ANEW | _FAILING | {"active"},
    # By hand, or because the model fails later, also what is active is rolled back.
    "active": _ANEW | {"rolled_back", "failed"},
    "rejected": _ANEW | {"failed"},
    "rolled_back": _ANEW | {"failed"},
    "failed": _ANEW,
}


class StateError(ValueError):
    """A state cannot follow; the message names both and what is allowed."""


def check_step(before: UpdateState, after: UpdateState, reason: str | None) -> None:
    """Refuse a step that the order of states does not know, or that keeps its reason to itself.

    Raises:
        StateError: see above. Staying in a state is a step to nowhere, and allowed.
    """
    if after != before and after not in FOLLOWING[before]:
        allowed = ", ".join(sorted(FOLLOWING[before]))
        raise StateError(f"update: {after} after {before}, allowed: {allowed}")
    if after in UNSUCCESSFUL and not reason:
        raise StateError(f"update: {after} without a reason, allowed: with one")


def is_under_way(state: UpdateState) -> bool:
    """Say whether an update goes on in ``state``."""
    return state != "idle" and state not in ENDED
