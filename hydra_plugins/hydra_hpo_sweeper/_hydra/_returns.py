"""A job's return value in Hydra's ``JobReturn``: its public attribute raises the job's own exception."""

from __future__ import annotations

from typing import Any

from hydra.core.utils import JobReturn


def returned_by(job_return: JobReturn) -> Any:
    """Return a job's return value, or the exception that it raised."""
    return job_return._return_value


def let_go(job_return: JobReturn) -> None:
    """Release references to objects whose memory the next job may need."""
    job_return._return_value = None
