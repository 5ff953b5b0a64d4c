"""The sweeper as Hydra sees it: thin, because every Hydra application imports this file when it starts."""

from __future__ import annotations

from typing import Any

from hydra.errors import CompactHydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.hydra_hpo_sweeper._hydra._extension import explain_refusals


class HPOSweeper(Sweeper):
    """Runs a study: suggests parameters, keeps the lanes busy with jobs, and records what they return."""

    def __init__(self, **settings: Any) -> None:
        # The settings are read from the configuration when the sweep runs; what Hydra passes here is resolved already.
        self.hydra_context: HydraContext | None = None
        self.config: DictConfig | None = None
        self.task_function: TaskFunction | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Store Hydra's arguments."""
        self.hydra_context = hydra_context
        self.config = config
        self.task_function = task_function

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep; return a :class:`SweepResult`. In a further rank of one of its jobs, run that job.

        Raises:
            CompactHydraException: A setting is wrong (before any job has started), or too many trials failed.
        """
        from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._ranks import RankedJob

        assert self.hydra_context is not None
        assert self.config is not None
        assert self.task_function is not None
        job = RankedJob.of_this_process()
        if job is not None:
            return job.run(self.hydra_context, self.task_function, self.config)
        from hydra_plugins.hydra_hpo_sweeper._sweep import _run
        from hydra_plugins.hydra_hpo_sweeper._sweep._preparation._setup import App

        try:
            return _run.sweep(App(self.hydra_context, self.task_function, self.config), arguments)
        except _run.USER_ERRORS as error:
            raise CompactHydraException(str(error)) from error


def _refusal(override: str, error: Exception) -> str | None:
    from hydra_plugins.hydra_hpo_sweeper._space._command_line import refusal

    return refusal(override, error)


explain_refusals(_refusal)
