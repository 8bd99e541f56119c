"""Whether the gateway is enrolled as the configuration says."""

from dataclasses import dataclass
from pathlib import Path

from edge_agent.daemon.config.draft import Draft
from edge_agent.daemon.config.problems import Problem
from edge_agent.daemon.config.settings import Config
from edge_agent.rollout.enrolment import EnrolmentError, exposed_secrets, read_enrolment

_KEY = "update.enrolment"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What the configuration's enrolment is worth.

    Attributes:
        folder: of a sound one; None: nothing is updated from afar.
        unusable: why the one that is configured cannot be used.
        exposed: which of its secrets others on this machine may read.
    """

    folder: str | None = None
    unusable: str | None = None
    exposed: str | None = None


def enrolled_as(config: Config) -> Enrolled:
    """Look at the enrolment that ``config`` names."""
    folder = config.update.enrolment
    if folder is None:
        return Enrolled()
    try:
        read_enrolment(Path(folder), config.gateway)
    except EnrolmentError as error:
        return Enrolled(unusable=str(error))
    return Enrolled(folder=folder, exposed=exposed_secrets(Path(folder)))


def check_enrolment(draft: Draft, config: Config) -> list[Problem]:
    """Add to ``draft`` what is wrong with the enrolment; return what to warn of."""
    enrolled = enrolled_as(config)
    if enrolled.unusable is not None:
        draft.report(_KEY, enrolled.unusable, "a folder of edge-rollout enroll")
    if enrolled.exposed is None:
        return []
    return [draft.sources.problem(_KEY, enrolled.exposed, "what the agent alone can read")]
