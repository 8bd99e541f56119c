"""Whether the gateway is enrolled as the configuration says."""

from pathlib import Path

from edge_agent.daemon.config.settings import Config
from edge_agent.rollout.enrolment import EnrolmentError, read_enrolment


def why_not_enrolled(config: Config) -> str | None:
    """Say what is wrong with the enrolment; None where it is sound, or none is configured."""
    if config.update.enrolment is None:
        return None
    try:
        read_enrolment(Path(config.update.enrolment), config.gateway)
    except EnrolmentError as error:
        return str(error)
    return None
