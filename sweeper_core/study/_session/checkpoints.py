"""The checkpoints of a study's live trials: one saver per running trial, and the retention rules."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sweeper_core.checkpoints.keep import KeepRules, apply
from sweeper_core.checkpoints.saver import Saver, SaveRules
from sweeper_core.checkpoints.store import CheckpointStore
from sweeper_core.checkpoints.warned import SignalWatch, ends_of_allocation
from sweeper_core.exceptions import StorageInternalError
from sweeper_core.storages.base import Storage, StudyRecord
from sweeper_core.storages.identity import study_uid
from sweeper_core.study._session.session import Session
from sweeper_core.study._session.standing import configuration_of, standings
from sweeper_core.trial.attempts import awaited_step, checkpoint_data


def study_root(folder: Path, storage: Storage, study: StudyRecord) -> Path:
    """Return a study's own folder below one that several studies may share."""
    return folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', study.name)}-{study_uid(storage, study)[:8]}"


class StudyCheckpoints:
    """Saves checkpoints of live trials, and deletes those that are not retained when trials end.

    Args:
        session: The session of the study.
        folder: The user's folder for checkpoints.
    """

    def __init__(self, session: Session, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(os.path.abspath(os.path.expanduser(folder)))
        self._session = session
        self._root = study_root(self.folder, session.storage, session.study)
        self._savers: dict[int, tuple[Saver, SignalWatch]] = {}
        session.writer.call_after_end(self._ended)

    def saver(self, number: int) -> Saver:
        """Return the checkpoint saver of a running trial."""
        known = self._savers.get(number)
        if known is None:
            known = self._savers[number] = self._new(number)
        return known[0]

    def _new(self, number: int) -> tuple[Saver, SignalWatch]:
        session, signals = self._session, SignalWatch()

        def milestone(step: int) -> bool:
            return session.rules.is_milestone(number, step)

        def saved(step: int, warning: str | None) -> None:
            session.writer.describe(number, checkpoint_data(number, 0, step, warning))

        def awaited() -> int | None:
            return awaited_step(session.log.record(number), lambda: session.log.records)

        configuration = configuration_of(session.log.record(number), session.log.attempts)
        folder = CheckpointStore(self._root).folder(configuration)
        return Saver(folder, SaveRules(), ends_of_allocation(), signals, milestone, saved, awaited), signals

    def reported(self, number: int, step: int) -> None:
        """Record a report of a running trial, for which its saver may wait."""
        known = self._savers.get(number)
        if known is not None and known[0].waits:
            self._session.writer.flush()
            known[0].reported(step)

    def _ended(self, number: int) -> None:
        known = self._savers.pop(number, None)
        if known is not None:
            known[1].close()
        if not self._root.exists():
            return
        try:
            session = self._session
            session.log.sync()
            found = standings(session.log, session.rules.scheduler is not None)
            apply(CheckpointStore(self._root), found, KeepRules())
        except (OSError, StorageInternalError):
            pass  # retried at the next trial's end
