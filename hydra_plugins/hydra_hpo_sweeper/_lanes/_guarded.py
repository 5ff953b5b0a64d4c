"""The task wrapper around the application's function: its result or failure can be sent to another process.

Exits become exceptions, so that Hydra ends the job and not the process; tracebacks become text, which is not lost when
an exception is pickled.
"""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from hydra.types import TaskFunction

from hydra_plugins.hydra_hpo_sweeper._hydra._requeue import is_requeued
from hydra_plugins.hydra_hpo_sweeper._lanes._script import show_in_main

TRACE = "_hpo_trace"


class JobExit(Exception):
    """A job called ``sys.exit``; with the arguments of the ``SystemExit``."""


class Guarded:
    """A wrapper around a task function.

    Args:
        names: Names that the function needs in ``__main__`` where it runs.
        before: Called when everything but the function itself is done.
    """

    __wrapped__: TaskFunction

    def __init__(
        self, task: TaskFunction, names: Mapping[str, Any] | None = None, before: Callable[[], None] | None = None
    ) -> None:
        functools.update_wrapper(self, task, updated=())
        self._names = dict(names or {})
        self._before = before

    def __call__(self, config: Any) -> Any:
        from sweeper_core.checkpoints.warned import end_of_job  # Hydra imports this file in every application

        show_in_main(self._names)
        if self._before is not None:
            self._before()
        try:
            return self.__wrapped__(config)
        except SystemExit as error:
            if is_requeued(error):
                raise
            left = JobExit(*error.args)
            _keep_trace(left, error)
            raise left from error
        except Exception as error:
            _keep_trace(error, error)
            raise
        finally:
            end_of_job()


def _keep_trace(carrier: BaseException, error: BaseException) -> None:
    # Without the line of this file.
    inner = error.__traceback__ and error.__traceback__.tb_next
    with suppress(Exception):
        setattr(carrier, TRACE, _text(error, inner))


def _text(error: BaseException, trace: TracebackType | None) -> str:
    return "".join(traceback.format_exception(type(error), error, trace))


def kind_of(error: BaseException) -> str:
    """Return the name of the exception that ended a job."""
    return SystemExit.__name__ if isinstance(error, JobExit) else type(error).__name__


def trace_of(error: BaseException) -> str:
    """Return the traceback of the exception that ended a job, in any process."""
    kept = getattr(error, TRACE, None)
    return kept if isinstance(kept, str) else _text(error, error.__traceback__)


def drop_frames(error: BaseException) -> None:
    """Convert an exception's traceback to text and release the objects of its frames: models, batches, caches.

    An exception and a frame with a variable for it form a reference cycle, which lives until garbage collection; on a
    full device the next job cannot wait for that. The same holds for the exceptions that led to this one.
    """
    with suppress(Exception):
        setattr(error, TRACE, trace_of(error))
    # Exceptions that were being handled outside of the job are not changed.
    seen = {id(handled)} if (handled := sys.exc_info()[1]) is not error else set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        traceback.clear_frames(one.__traceback__)
        one.__traceback__ = None
        left += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
