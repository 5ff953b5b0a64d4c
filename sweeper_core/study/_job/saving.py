"""The checkpoint saver of a job, configured by its handle and environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from sweeper_core.checkpoints.saver import Saver, SaveRules
from sweeper_core.checkpoints.store import CheckpointFolder, CheckpointStore
from sweeper_core.checkpoints.warned import Deadline, SignalWatch, ends_of_allocation
from sweeper_core.study._job.handle import BEGUN, TrialHandle


def saver_of(
    handle: TrialHandle,
    milestone: Callable[[int], bool],
    saved: Callable[[int, str | None], None],
    awaited: Callable[[], int | None],
) -> Saver:
    """Return the checkpoint saver of a handle's job."""
    if handle.checkpoints is None:
        return Saver(None)
    configuration = handle.number if handle.configuration is None else handle.configuration
    folder = CheckpointStore(Path(handle.checkpoints)).folder(configuration, handle.repeat)
    rules = SaveRules(**handle.save_rules)
    return Saver(folder, rules, [*_deadlines(handle.limit)], SignalWatch(), milestone, saved, awaited)


def saver_alone(folder: Path | None) -> Saver:
    """Return the checkpoint saver of a script outside of a sweep; with None it saves none."""
    if folder is None:
        return Saver(None)
    return Saver(CheckpointFolder(folder.absolute()), SaveRules(), [*_deadlines(None)], SignalWatch())


def _deadlines(limit: float | None) -> Iterator[Deadline]:
    yield from ends_of_allocation()
    if limit is not None:
        with suppress(KeyError, ValueError):
            yield Deadline(float(os.environ[BEGUN]) + limit, limit)
