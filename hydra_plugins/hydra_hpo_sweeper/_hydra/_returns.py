"""What a job returned, as Hydra keeps it: the attribute without an underscore raises the job's own exception."""

from __future__ import annotations

from typing import Any

from hydra.core.utils import JobReturn


def returned_by(job_return: JobReturn) -> Any:
    """Return what a job returned, or the exception that it raised."""
    return job_return._return_value


def let_go(job_return: JobReturn) -> None:
    """Keep nothing alive that the next job may need room for."""
    job_return._return_value = None
