"""The trial handle, which a sweep hands to a job: a private file that names the trial, its study and its storage.

The file may hold the storage's password, so only its owner can read it, it lies outside of every saved
configuration, and it is gone when the trial has ended. Jobs learn its path from the environment variable
``HPO_SWEEPER_TRIAL`` (which their own processes inherit), or, where one process runs several jobs in threads, from
the context that :func:`activated` sets.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sweeper_core._by_value import file_names_kept
from sweeper_core.pruners.user import BasePruner
from sweeper_core.schedulers.base import Scheduler
from sweeper_core.study._job.ranks import rank_variables

VARIABLE = "HPO_SWEEPER_TRIAL"
"""Environment variable: the path of the handle."""

BEGUN = "HPO_SWEEPER_BEGUN"
"""Environment variable: when the job began, by ``time.time()``, where it may run for so long only."""

_active: ContextVar[str | None] = ContextVar("hpo_sweeper_trial", default=None)


@dataclass(frozen=True)
class TrialHandle:
    """A running trial as a job sees it.

    Attributes:
        storage: URL of the storage, password included.
        study_name, number: Name the trial.
        params: Its parameters (external values).
        objective: Which objective the reports are about; None when they are only kept (several objectives,
            none of them named for pruning).
        pruner, scheduler: The pickled pruner and scheduler, as text; None stops nobody.
        sweep: Tells one run of a sweep from the next, which may be in the same directory, and in this process.
        outside: Variables that tell a process's rank, as they are outside of the job.
        configuration: Number of the trial's first attempt; None: its own.
        repeat: Which repeat of the trial the job is; only that of number 0 reports.
        checkpoints: The root of the study's checkpoints; None: none are kept.
        save_rules: Arguments of :class:`~sweeper_core.checkpoints.saver.SaveRules`.
        limit: Seconds after which the job is ended, counted from the variable ``HPO_SWEEPER_BEGUN``.
        first_step: The first step that is new in this attempt.
        saved: The step of the newest checkpoint of the attempts before; None when they saved none.
        judged: The metric that pruners judge, when reports have several.
        metric: The one to be taken when none was named for that: the objective's.
    """

    storage: str
    study_name: str
    number: int
    params: Mapping[str, Any] = field(default_factory=dict)
    objective: int | None = 0
    pruner: str | None = None
    sweep: str = ""
    outside: Mapping[str, str] = field(default_factory=rank_variables)
    configuration: int | None = None
    repeat: int = 0
    checkpoints: str | None = None
    save_rules: Mapping[str, Any] = field(default_factory=dict)
    limit: float | None = None
    first_step: int = 0
    saved: int | None = None
    judged: str | None = None
    metric: str | None = None
    scheduler: str | None = None

    def write(self, path: Path) -> None:
        """Write the handle such that nobody else can read it, and nobody ever sees half of it."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
        os.replace(temporary, path)

    @classmethod
    def read(cls, path: Path) -> TrialHandle:
        """Return the handle in a file.

        Raises:
            FileNotFoundError: The trial has ended, or the file is not to be seen from here.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{VARIABLE} names {path}, which is not there: the trial has ended, or this machine does not see the "
                f"sweep's directory. Unset {VARIABLE} to run without a trial."
            ) from None


def packed(rule: BasePruner | Scheduler | None) -> str | None:
    """Return a pruner or scheduler as a handle holds it; classes of a script travel by value, with cloudpickle."""
    if rule is None:
        return None
    try:
        import cloudpickle

        with file_names_kept():
            content = cloudpickle.dumps(rule)
    except ImportError:
        content = pickle.dumps(rule)
    return base64.b64encode(content).decode("ascii")


def unpacked(text: str | None) -> Any:
    """Return the pruner or scheduler that :func:`packed` packed."""
    return None if text is None else pickle.loads(base64.b64decode(text))


def remove_handle(path: Path) -> None:
    """Remove a handle with what the job's processes left beside it."""
    path.unlink(missing_ok=True)
    for left in path.parent.glob(f"{path.name}.*"):
        left.unlink(missing_ok=True)


def active_handle() -> str | None:
    """Return the path of the handle of the job that runs here; None outside of a sweep."""
    return _active.get() or os.environ.get(VARIABLE) or None


@contextmanager
def activated(path: str | os.PathLike[str] | None) -> Iterator[None]:
    """Let :func:`~sweeper_core.current_trial` find this handle in this thread; None changes nothing."""
    token = _active.set(None if path is None else os.fspath(path))
    try:
        yield
    finally:
        _active.reset(token)
