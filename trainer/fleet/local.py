"""The engine that needs nothing: one job after the other, in this process."""

from collections.abc import Callable, Iterable

from trainer.fleet.job import Job
from trainer.fleet.outcome import Outcome
from trainer.fleet.run import run_job


def run_local(jobs: Iterable[Job], ended: Callable[[Outcome], None]) -> None:
    """Do ``jobs`` one by one; ``ended`` is told of each as it ends."""
    for job in jobs:
        ended(run_job(job))
