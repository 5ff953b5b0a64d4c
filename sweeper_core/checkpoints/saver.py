"""When and how one running trial saves its checkpoints."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sweeper_core.checkpoints.keep import GB
from sweeper_core.checkpoints.store import Checkpoint, CheckpointFolder, delete, usable
from sweeper_core.checkpoints.warned import Deadline, SignalWatch
from sweeper_core.logging import get_logger

_logger = get_logger(__name__)

SECONDS_BETWEEN = 30.0
"""Seconds between two saves by default: the most work that a kill loses."""

MIN_FREE = 2**20
"""Bytes of free space below which a failed write counts as caused by a full disk, whatever exception was raised."""


_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


@dataclass(frozen=True)
class SaveRules:
    """How often a trial saves, and how many checkpoints it keeps while it runs.

    Attributes:
        every: Steps between two saves; None: :data:`SECONDS_BETWEEN`.
        last: Number of checkpoints that it keeps.
        max_gb: The study's limit, which one checkpoint should not exceed.
    """

    every: int | None = None
    last: int = 1
    max_gb: float | None = None


@dataclass
class Timing:
    """Durations of steps and saves in this job, in seconds."""

    asked: float | None = None
    step: float = 0.0
    save: float = 0.0


class Saver:
    """Saves the checkpoints of one running trial.

    Args:
        folder: The folder of the checkpoints; None saves none.
        rules: How often to save, and how many to keep.
        deadlines: Known ends of the job.
        signals: Source of warnings by signals; None for none.
        milestone: Returns whether a pruner that judges only at milestones may stop the trial at a step.
        saved: Called after each save with the step and the warning that led to it (None without).
        awaited: Returns the step that the trial would report next, by its stored reports; None where that is unknown.
        clock: ``time.time()``.
    """

    def __init__(
        self,
        folder: CheckpointFolder | None,
        rules: SaveRules = SaveRules(),
        deadlines: Sequence[Deadline] = (),
        signals: SignalWatch | None = None,
        milestone: Callable[[int], bool] = lambda step: False,
        saved: Callable[[int, str | None], None] = lambda step, warning: None,
        awaited: Callable[[], int | None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._rules = rules
        self._deadlines = deadlines
        self._signals = signals
        self._milestone = milestone
        self._saved = saved
        self._awaited = awaited
        self._unreported: int | None = None
        self._passed_over: list[Checkpoint] | None = None
        self._clock = clock
        self._timing = Timing()
        self._last_time = clock()
        self._last_step: int | None = None
        self._steps: set[int] = set()
        self._told: set[str] = set()

    @property
    def keeps(self) -> bool:
        """Whether there is a folder for checkpoints."""
        return self._folder is not None

    @property
    def newest(self) -> Checkpoint | None:
        """The newest complete checkpoint; not one of an earlier job that was killed before it reported the step."""
        if self._folder is None:
            return None
        passed_over = self._find_passed_over(self._folder)
        if not passed_over:
            return self._folder.newest()
        return next((one for one in reversed(self._folder.complete()) if one not in passed_over), None)

    def _find_passed_over(self, folder: CheckpointFolder) -> list[Checkpoint]:
        """Return the checkpoints found at first that this job does not go on from."""
        if self._passed_over is None:
            complete = folder.complete()
            fit = usable(complete, self._awaited()) if complete else []
            self._passed_over = [one for one in complete if one not in fit]
        return self._passed_over

    @property
    def warning(self) -> str | None:
        """The warning that this job will end: a signal's name, or ``end``; None without one."""
        if self._signals is not None and self._signals.pending:
            return self._signals.heard
        timing = self._timing
        near = any(one.is_near(self._clock(), timing.step, timing.save) for one in self._deadlines)
        return "end" if near else None

    def should_save(self, step: int) -> bool:
        """Return whether the job should save after this step."""
        if self._folder is None:
            return False
        if self._signals is not None:
            self._signals.install()
        now = self._clock()
        if self._timing.asked is not None:
            self._timing.step = max(self._timing.step, now - self._timing.asked)
        self._timing.asked = now
        if self._last_step is None:
            newest = self.newest
            self._last_step = -1 if newest is None else newest.step
        return self._is_due(step, now) or self.warning is not None or self._milestone(step)

    def _is_due(self, step: int, now: float) -> bool:
        if self._rules.every is None:
            return now - self._last_time >= SECONDS_BETWEEN
        assert self._last_step is not None
        return step - self._last_step >= self._rules.every

    @contextmanager
    def save(self, step: int) -> Iterator[Path]:
        """Yield a folder for a checkpoint; see :meth:`CheckpointFolder.saving`.

        When it cannot be written, a one-line warning is logged and the job goes on; the earlier ones are kept.
        """
        if self._folder is None:
            with scratch() as nowhere:
                yield nowhere
            return
        warning, begun = self.warning, self._clock()
        self._tell_twice(step)
        if step != self._unreported:
            self._let_go()
        for one in self._find_passed_over(self._folder):
            delete(one)
        with self._held_back(), self._tolerant(self._folder, step):
            with _drafted(self._folder, step) as draft:
                yield draft
            self._after(self._folder, step, begun, warning)

    @property
    def is_warned(self) -> bool:
        """Whether a signal is pending."""
        return self._signals is not None and self._signals.pending

    @property
    def waits(self) -> bool:
        """Whether a signal, or the checkpoint before the newest, is kept waiting until a report is stored."""
        return self.is_warned or self._unreported is not None

    def reported(self, step: int | None = None) -> None:
        """Record that a report is stored; a pending signal may be waiting for it."""
        if step is not None and self._unreported is not None and step >= self._unreported:
            self._let_go()
        if self._signals is not None:
            self._signals.reported()

    @contextmanager
    def _held_back(self) -> Iterator[None]:
        """Hold signals back while a checkpoint is written."""
        if self._signals is None:
            yield
            return
        before = len(self._steps), self._last_time
        self._signals.begin_save()
        try:
            yield
        finally:
            self._signals.end_save((len(self._steps), self._last_time) != before)

    def _after(self, folder: CheckpointFolder, step: int, begun: float, warning: str | None) -> None:
        self._steps.add(step)
        self._last_step, self._last_time = step, self._clock()
        self._timing.save = max(self._timing.save, self._last_time - begun)
        self._saved(step, warning)
        self._unreported = step if warning is None and self._awaited() == step else None
        folder.keep(self._rules.last + (self._unreported is not None))
        self._tell_size()

    def _let_go(self) -> None:
        """Delete the checkpoint that was kept for the case that the step of the newest one is never reported."""
        if self._unreported is not None and self._folder is not None:
            self._unreported = None
            self._folder.keep(self._rules.last)

    @contextmanager
    def _tolerant(self, folder: CheckpointFolder, step: int) -> Iterator[None]:
        try:
            yield
        except _CannotBegin as error:
            self._say_not_saved(step, f"{folder.path} cannot be written ({error.reason})")
        except Exception as error:
            if not isinstance(error, _FullDisk) and not is_full(error, folder.path):
                raise
            self._say_not_saved(step, f"the disk of {folder.path} is full")

    def _say_not_saved(self, step: int, why: str) -> None:
        self._last_time, self._last_step = self._clock(), step  # do not retry at every step
        _logger.warning(f"The checkpoint of step {step} was not saved: {why}. The job goes on; earlier ones stay.")

    def _tell_twice(self, step: int) -> None:
        if step in self._steps:
            _logger.warning(f"The checkpoint of step {step} is saved again: the later one replaces the earlier one.")

    def _tell_size(self) -> None:
        limit, newest = self._rules.max_gb, self.newest
        if limit is not None and newest is not None and newest.size > limit * GB and "size" not in self._told:
            self._told.add("size")
            _logger.warning(
                f"One checkpoint has {newest.size / GB:.3g} GB, more than max_gb={limit:g} allows for all: trials that "
                "pause keep none. Raise max_gb, or save less."
            )


class _FullDisk(Exception):
    """The disk filled up while a checkpoint was written."""


class _CannotBegin(Exception):
    """No folder for a checkpoint could be created."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a folder that is deleted when the block ends."""
    import tempfile  # the core is imported in milliseconds

    with tempfile.TemporaryDirectory(prefix="hpo-checkpoint-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _drafted(folder: CheckpointFolder, step: int) -> Iterator[Path]:
    """Yield the folder of a new checkpoint; if it cannot be created, a temporary folder.

    Raises:
        _CannotBegin: After the block, when it could not be created.
        _FullDisk: The block failed because the disk is full.
    """
    with ExitStack() as stack:
        try:
            folder.clear_drafts()
            draft = stack.enter_context(folder.saving(step))
        except OSError as error:
            cannot = _CannotBegin(error.strerror or str(error))
        else:
            try:
                yield draft
            except Exception as error:
                if is_full(error, draft):  # asked while the draft is still there
                    raise _FullDisk from error
                raise
            return
    with scratch() as thrown_away:
        yield thrown_away
    raise cannot


def is_full(error: BaseException, folder: Path) -> bool:
    """Return whether an operation failed because a disk or quota is full."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _FULL:
            return True
        seen = seen.__cause__ or seen.__context__
    with suppress(OSError):
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        return isinstance(error, (OSError, RuntimeError)) and shutil.disk_usage(existing).free < MIN_FREE
    return False
