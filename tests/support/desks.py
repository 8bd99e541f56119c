"""A desk for alarms as the service has one, whose writing is done at once."""

from pathlib import Path

from edge_agent.daemon.alarms.desk import Desk
from edge_agent.daemon.commands.audit import Audit
from edge_agent.daemon.outbox import Outbox
from edge_agent.daemon.session import Session


def desk_in(folder: Path, session: Session, outbox: Outbox) -> Desk:
    return Desk(folder, Audit(folder), session, outbox, lambda job: job())
