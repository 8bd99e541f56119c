"""Many assets in one command: what is asked for each, and what became of it.

An engine takes the jobs and says of each what became of it, in whatever order they end. The job
itself is the same code under every engine.
"""

from trainer.fleet.assets import Asset, FleetError, matching_assets, read_assets
from trainer.fleet.job import Job, feature_jobs, training_jobs
from trainer.fleet.local import run_local
from trainer.fleet.outcome import Outcome, Summary
from trainer.fleet.run import run_job

__all__ = [
    "Asset",
    "FleetError",
    "Job",
    "Outcome",
    "Summary",
    "feature_jobs",
    "matching_assets",
    "read_assets",
    "run_job",
    "run_local",
    "training_jobs",
]
