"""Environment variables of a job whose launcher runs it elsewhere: a callback that travels with the job sets them."""

from __future__ import annotations

import copy
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from hydra.experimental.callback import Callback
from hydra.types import HydraContext

from hydra_plugins.hydra_hpo_sweeper._hydra._returns import returned_by
from hydra_plugins.hydra_hpo_sweeper._lanes._base import environment
from hydra_plugins.hydra_hpo_sweeper._lanes._guarded import drop_frames
from sweeper_core.study._job.handle import VARIABLE, activated, begun_mark


class JobEnvironment(Callback):
    """Sets a job's environment variables where a launcher runs it; travels with the job.

    Attributes:
        variables: Those of the job that is launched next.
    """

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"variables": self.variables}

    def on_job_start(self, config: Any, **kwargs: Any) -> None:
        """Set the variables, for this thread's job and the processes that it starts."""
        self._set = ExitStack()
        self._set.enter_context(environment(self.variables))
        handle = self.variables.get(VARIABLE)
        self._set.enter_context(activated(handle))
        if handle is not None:
            with suppress(OSError):
                begun_mark(Path(handle)).touch()

    def on_job_end(self, config: Any, job_return: Any, **kwargs: Any) -> None:
        """Reset the variables, and release a failed job's objects: the process may run other jobs."""
        self._set.close()
        returned = returned_by(job_return)
        if isinstance(returned, BaseException):
            drop_frames(returned)


class BatchEnvironment(JobEnvironment):
    """The same for a batch.

    Attributes:
        of_jobs: The variables of each job of the batch that is launched next, by its number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.of_jobs: dict[int, dict[str, str]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"variables": self.variables, "of_jobs": self.of_jobs}

    def on_job_start(self, config: Any, **kwargs: Any) -> None:
        """Set the variables of the job that starts."""
        self.variables = self.of_jobs.get(config.hydra.job.num, {})
        super().on_job_start(config, **kwargs)


T = TypeVar("T", bound=JobEnvironment)


def with_job_environment(context: HydraContext, job_environment: T) -> tuple[HydraContext, T]:
    """Return a context of the same kind with a callback of its own that sets its jobs' variables."""
    callbacks = copy.copy(context.callbacks)
    callbacks.callbacks = [*callbacks.callbacks, job_environment]
    return replace(context, callbacks=callbacks), job_environment
