"""The checkpoint interface of all trials."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sweeper_core.checkpoints.saver import Saver
from sweeper_core.trial.base import step_argument

NOWHERE = Saver(None)
"""Of a trial that keeps none."""


class Checkpointing:
    """The part of a trial that saves checkpoints and finds them again::

    start = 0
    if trial.checkpoint:
        model.load(trial.checkpoint / "model.pt")
        start = trial.step + 1
    for epoch in range(start, epochs):
        loss = train(model)
        if trial.should_save(epoch):
            with trial.save_checkpoint(epoch) as folder:
                model.save(folder / "model.pt")
        trial.report_or_prune(loss, epoch)
    """

    _saver: Saver = NOWHERE

    @property
    def checkpoint(self) -> Path | None:
        """The folder of the newest complete checkpoint; None when there is none."""
        newest = self._saver.newest
        return None if newest is None else newest.path

    @property
    def step(self) -> int:
        """The step of :attr:`checkpoint`; -1 without one, so that a job begins with ``step + 1``."""
        newest = self._saver.newest
        return -1 if newest is None else newest.step

    def should_save(self, step: int) -> bool:
        """Return whether to save after ``step``: at intervals, before a stop, and when the job is about to be ended.

        In distributed training all processes must call it equally often; they get the result of rank zero.

        Raises:
            TypeError: The step is not a number.
            ValueError: It is negative.
        """
        return self._saver.should_save(step_argument(step))

    @contextmanager
    def save_checkpoint(self, step: int) -> Iterator[Path]:
        """Yield an empty folder; its content when the block ends becomes the checkpoint of ``step`` atomically.

        When an exception leaves the block, no checkpoint is saved. When it cannot be written (a full disk), a warning
        is logged, the earlier one stays, and the job goes on. In distributed training only rank zero's folder is kept.

        Raises:
            TypeError: The step is not a number.
            ValueError: It is negative.
        """
        with self._saver.save(step_argument(step)) as folder:
            yield folder
