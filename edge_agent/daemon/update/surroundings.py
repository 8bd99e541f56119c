"""What updates need of the agent around them."""

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.daemon.changes import Changes
from edge_agent.daemon.config.enrolled import Enrolled
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.session import Session
from edge_agent.daemon.trial.trials import Trials
from edge_agent.daemon.watches import Watches


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The parts that updates ask and tell.

    Attributes:
        enrolled: as what; where it is not, nothing is updated from afar.
        in_background: runs what waits for the disk, one after the other.
        wake: makes the scoring thread call ``turn`` soon.
    """

    enrolled: Enrolled
    session: Session
    outbox: Outbox
    watches: Watches
    trials: Trials
    changes: Changes
    in_background: Callable[[Callable[[], None]], None]
    wake: Callable[[], None]
