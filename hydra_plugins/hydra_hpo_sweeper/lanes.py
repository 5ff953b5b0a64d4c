"""The parts for custom lane types: see ``docs/extending.md``."""

from hydra_plugins.hydra_hpo_sweeper._lanes._base import Failure, Job, JobResult, Lanes, LaneSetup

__all__ = ["Failure", "Job", "JobResult", "LaneSetup", "Lanes"]
