"""What became of the assets of a fleet."""

from collections.abc import Iterable
from typing import Literal

import msgspec


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What was made of one recording.

    Attributes:
        windows: in the recording.
        first_alarm: window in which the first alarm after the healthy part opened; None without
            one, and for features.
        alarms_in_healthy: that opened in the healthy part; None for features.
    """

    windows: int
    first_alarm: int | None = None
    alarms_in_healthy: int | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one asset.

    Attributes:
        asset: its name.
        status: ``unchanged`` where the file of an earlier job is still what would be made.
        reason: why it failed.
        file: what was made, None where it failed.
        result: likewise.
        seconds: that it took, where it was done.
    """

    asset: str
    status: Literal["done", "unchanged", "failed"]
    reason: str | None = None
    file: str | None = None
    result: Result | None = None
    seconds: float = 0.0


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a fleet.

    Attributes:
        engine: that ran the jobs.
        seconds: from the first job's beginning to the last one's end.
        done: number of assets with that status, as are the next two.
        unchanged: likewise.
        failed: likewise.
        outcomes: of all assets, in the fleet's order.
    """

    engine: str
    seconds: float
    done: int
    unchanged: int
    failed: int
    outcomes: tuple[Outcome, ...]

    @classmethod
    def of(
        cls, engine: str, seconds: float, order: Iterable[str], outcomes: Iterable[Outcome]
    ) -> "Summary":
        """Count ``outcomes`` and put them in the ``order`` of the assets' names."""
        by_name = {outcome.asset: outcome for outcome in outcomes}
        ordered = tuple(by_name[name] for name in order)
        counts = [sum(o.status == s for o in ordered) for s in ("done", "unchanged", "failed")]
        return cls(
            engine=engine,
            seconds=seconds,
            done=counts[0],
            unchanged=counts[1],
            failed=counts[2],
            outcomes=ordered,
        )
