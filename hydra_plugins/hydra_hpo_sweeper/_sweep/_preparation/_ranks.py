"""Ranks of a job that a framework starts by running the whole command again: they join the job, they do not sweep.

Lightning's ``ddp`` strategy starts its further ranks with the command line of the sweep. Such a process inherits
the job's environment, in which the sweep has left what this very job is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, run_job
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

VARIABLE = "HPO_SWEEPER_JOB"
RANKS = ("LOCAL_RANK", "NODE_RANK", "RANK")


@dataclass(frozen=True)
class RankedJob:
    """The job that a rank belongs to."""

    number: int
    overrides: tuple[str, ...]
    directory: str

    @classmethod
    def of_this_process(cls) -> RankedJob | None:
        """Return the job whose rank this process is; None for a process that is no rank of a job."""
        text = os.environ.get(VARIABLE)
        if text is None or not any(os.environ.get(name, "0") != "0" for name in RANKS):
            return None
        found = json.loads(text)
        return cls(found["number"], tuple(found["overrides"]), found["directory"])

    def environment(self) -> Mapping[str, str]:
        """Return the environment variables that identify the job to its ranks."""
        found = {"number": self.number, "overrides": self.overrides, "directory": self.directory}
        return {VARIABLE: json.dumps(found)}

    def run(self, context: HydraContext, task: TaskFunction, config: DictConfig) -> Any:
        """Run the application with the job's configuration in the job's directory; return what it returns."""
        job_config = context.config_loader.load_sweep_config(config, list(self.overrides))
        with open_dict(job_config):
            job_config.hydra.job.id = str(self.number)
            job_config.hydra.job.num = self.number
            job_config.hydra.sweep.dir = self.directory
        done: JobReturn = run_job(
            hydra_context=context,
            task_function=task,
            config=job_config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
        return done.return_value


def ranked(number: int, overrides: tuple[str, ...], directory: Path) -> Mapping[str, str]:
    """Return the environment variables that identify a job to its ranks."""
    return RankedJob(number, overrides, str(directory.absolute())).environment()
