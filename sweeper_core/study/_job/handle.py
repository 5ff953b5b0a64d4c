"""The trial handle: a private file by which a sweep passes the trial, its study and its storage to a job.

The file may hold the storage's password, so only its owner can read it, it is outside of every saved
configuration, and it is deleted when the trial has ended. Jobs get its path from the environment variable
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
from typing import TYPE_CHECKING, Any

from sweeper_core._by_value import file_names_kept
from sweeper_core.study._job.ranks import rank_variables

if TYPE_CHECKING:  # every job reads its handle, and few need a pruner
    from sweeper_core.pruners.user import BasePruner
    from sweeper_core.schedulers.base import Scheduler

VARIABLE = "HPO_SWEEPER_TRIAL"
"""Environment variable: the path of the handle."""

BEGUN = "HPO_SWEEPER_BEGUN"
"""Environment variable: the start of a job with a time limit, by ``time.time()``."""

OTHER_VERSION = (
    "{} cannot be read here ({}): the sweep runs with another version of Python or of hydra-hpo-sweeper than this job. "
    "Give both the same environment, and start the sweep again."
)

_active: ContextVar[str | None] = ContextVar("hpo_sweeper_trial", default=None)


@dataclass(frozen=True)
class TrialHandle:
    """The data of a running trial for its job.

    Attributes:
        storage: URL of the storage, password included.
        study_name, number: Identify the trial.
        params: Its parameters (external values).
        objective: Index of the objective that is reported; None when reports are only stored (several objectives,
            none of them named for pruning).
        pruner, scheduler: The pickled pruner and scheduler, as text; None never stops the trial.
        sweep: Identifies a run of a sweep; the next run may be in the same directory, and in this process.
        outside: Environment variables of a process's rank, with their values outside of the job.
        configuration: Number of the trial's first attempt; None: its own.
        repeat: Index of the job's repeat of the trial; only repeat 0 reports.
        checkpoints: The root of the study's checkpoints; None: none are kept.
        save_rules: Arguments of :class:`~sweeper_core.checkpoints.saver.SaveRules`.
        limit: Seconds after which the job is ended, counted from the variable ``HPO_SWEEPER_BEGUN``.
        first_step: The first step that is new in this attempt.
        saved: The step of the newest checkpoint of the attempts before; None when they saved none.
        judged: The metric for pruners, when reports have several.
        reports: Whether the job's reports are stored; no where the sweep itself reports the trial's results.
        metric: The metric used when ``judged`` is None: the objective's.
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
    reports: bool = True

    def write(self, path: Path) -> None:
        """Write the handle atomically, readable by its owner only."""
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
            FileNotFoundError: The trial has ended, or the file is not visible on this machine.
            ValueError: Another version of this package has written it.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{VARIABLE} names {path}, which is not there: the trial has ended, or this machine does not see the "
                f"sweep's directory. Unset {VARIABLE} to run without a trial."
            ) from None
        except (TypeError, ValueError) as error:
            raise ValueError(OTHER_VERSION.format(path, error)) from None


def packed(rule: BasePruner | Scheduler | None) -> str | None:
    """Return a pickled pruner or scheduler; cloudpickle pickles classes of a script by value."""
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
    """Return the pruner or scheduler that :func:`packed` packed.

    Raises:
        ValueError: It cannot be read by this version of Python or of a package.
    """
    try:
        return None if text is None else pickle.loads(base64.b64decode(text))
    except Exception as error:
        raise ValueError(OTHER_VERSION.format("the sweep's pruner or scheduler", repr(error))) from error


def begun_mark(path: Path) -> Path:
    """Return the file that a job on a cluster touches when it begins."""
    return path.with_name(f"{path.name}.began")


def remove_handle(path: Path) -> None:
    """Remove a handle and the files that the job's processes left beside it."""
    path.unlink(missing_ok=True)
    for left in path.parent.glob(f"{path.name}.*"):
        left.unlink(missing_ok=True)


def active_handle() -> str | None:
    """Return the path of the current job's handle; None outside of a sweep."""
    return _active.get() or os.environ.get(VARIABLE) or None


@contextmanager
def activated(path: str | os.PathLike[str] | None) -> Iterator[None]:
    """Set the handle for :func:`~sweeper_core.current_trial` in this thread; None changes nothing."""
    token = _active.set(None if path is None else os.fspath(path))
    try:
        yield
    finally:
        _active.reset(token)
