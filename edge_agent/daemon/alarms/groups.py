"""Many assets struck within a short time have one cause: a shared supply, a broken bus; pure.

A group begins when at least three assets, and a fifth of those that are watched, were struck
within the reach of each: a minute, or two periods of an asset that is sampled rarely. Whoever is
struck within that time of the last joins. It is over when it is for all of them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from edge_agent.bundle.times import rfc3339
from edge_agent.daemon.alarms.messages import Group, Member, Why

AT_LEAST = 3
SHARE = 0.2
REACH_S = 60.0
PERIODS = 2.0

Change = tuple[Literal["open", "update", "close"], Group]


@dataclass(frozen=True, slots=True)
class Onset:
    """Something happened to an asset.

    Attributes:
        asset: which.
        why: what.
        utc_ns: when.
        at_s: likewise, by a clock that never goes back.
        reach_s: so far apart from another, both may have one cause.
        anomaly_id: which anomaly opened.
    """

    asset: str
    why: Why
    utc_ns: int
    at_s: float
    reach_s: float = REACH_S
    anomaly_id: str | None = None


def reach_s(period_s: float | None) -> float:
    """Return the reach of an asset with a window, or a block of some, every ``period_s``."""
    return max(REACH_S, PERIODS * (period_s or 0.0))


class Groups:
    """The groups of one gateway."""

    def __init__(self, open_ones: tuple[Group, ...], name: Callable[[int, str], str]) -> None:
        """Go on with ``open_ones``; ``name(utc_ns, asset)`` makes the id of a new one."""
        self.open = list(open_ones)
        self._name = name
        self._recent: list[Onset] = []
        self._newest: Onset | None = None  # of the members of the last open group

    def of(self, asset: str) -> str | None:
        """Return the id of the newest open group in which something of ``asset`` goes on."""
        for group in reversed(self.open):
            if any(member.asset == asset and not member.over for member in group.members):
                return group.id
        return None

    def struck(self, onset: Onset, watched: int) -> tuple[Literal["open", "update"], Group] | None:
        """Take note of ``onset``; return the group that it opens or joins.

        Args:
            onset: of an asset that is watched.
            watched: how many assets are.
        """
        self._recent = [one for one in self._recent if _near(one, onset)]
        if self.open and self._newest is not None and _near(self._newest, onset):
            self._newest = onset
            return "update", self._joined(onset)
        self._recent.append(onset)
        found = {one.asset: one for one in self._recent}
        if len(found) < max(AT_LEAST, math.ceil(SHARE * watched)):
            return None
        first = min(found.values(), key=lambda one: one.at_s)
        group = Group(
            id=self._name(first.utc_ns, first.asset),
            opened=rfc3339(first.utc_ns),
            closed=None,
            watched=watched,
            members=tuple(_member(one) for one in self._recent),
        )
        self.open.append(group)
        self._recent, self._newest = [], onset
        return "open", group

    def over(self, asset: str, why: Why, utc_ns: int) -> list[Change]:
        """Take note that it is over for ``asset``; return the groups that this changes."""
        self._recent = [one for one in self._recent if (one.asset, one.why) != (asset, why)]
        changed: list[Change] = []
        for n, group in enumerate(self.open):
            members = tuple(
                replace(one, over=True) if (one.asset, one.why) == (asset, why) else one
                for one in group.members
            )
            if members == group.members:
                continue
            closed = all(one.over for one in members)
            moment = rfc3339(utc_ns) if closed else None
            self.open[n] = replace(group, members=members, closed=moment)
            changed.append(("close" if closed else "update", self.open[n]))
        self.open = [group for group in self.open if group.closed is None]
        return changed

    def _joined(self, onset: Onset) -> Group:
        group = self.open[-1]
        same = [one for one in group.members if (one.asset, one.why) == (onset.asset, onset.why)]
        others = tuple(one for one in group.members if one not in same)
        self.open[-1] = replace(group, members=(*others, _member(onset)))
        return self.open[-1]


def _near(one: Onset, other: Onset) -> bool:
    return abs(other.at_s - one.at_s) <= max(one.reach_s, other.reach_s)


def _member(onset: Onset) -> Member:
    return Member(
        asset=onset.asset,
        why=onset.why,
        since=rfc3339(onset.utc_ns),
        anomaly_id=onset.anomaly_id,
    )
