"""One process's replay of the journal: it reads new operations, and appends those that are still valid."""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sweeper_core._forks import reset_after_fork
from sweeper_core.exceptions import StorageFormatError
from sweeper_core.logging import get_logger
from sweeper_core.storages._journal import snapshot
from sweeper_core.storages._journal.entries import Entries, of_json
from sweeper_core.storages._journal.file import JournalFileBackend, JournalShrunk, OpenJournal
from sweeper_core.storages._journal.replay import Replay
from sweeper_core.storages._rules import check_runs, no_study
from sweeper_core.storages._table import StudyRows, TrialRow
from sweeper_core.trial.state import TrialState

_logger = get_logger(__name__)

MAX_BEHIND = 1 << 16
"""Bytes that may be replayed while the file is locked; a process that is farther behind catches up before. A worker
among hundreds finds megabytes after a job of minutes, which all others would wait for."""


class JournalLog:
    """The replay of a file, and the lock that threads share.

    Args:
        file: The journal.
    """

    def __init__(self, file: JournalFileBackend) -> None:
        self._file = file
        self.path = file.path
        self.lock = threading.RLock()
        self.worker = f"{uuid.uuid4()}-"
        self._reload()
        reset_after_fork(self)

    def after_fork(self) -> None:
        """Replace a lock that another thread held at the fork, and replay the journal from the beginning."""
        if self.lock.acquire(blocking=False):
            self.lock.release()
        else:
            self.lock = threading.RLock()
            self._forget()

    def _reload(self) -> None:
        self.replay, self._offset = snapshot.load(self.path)
        self._snapshot_at = self._offset
        self.version = uuid.uuid4().hex
        """Identifies this replay: cursors of another replay of the same journal are not comparable."""

    def sync(self) -> None:
        """Apply the operations that are new in the file."""
        self._catch_up(self._file)
        self._save_when_due()

    def _catch_up(self, file: JournalFileBackend | OpenJournal) -> None:
        try:
            content = file.read(self._offset)
            if content:
                self._play(content, salvage=self._offset == 0)
        except JournalShrunk:
            self._start_again(file)

    def _save_when_due(self) -> None:
        if snapshot.is_due(self._offset, self._snapshot_at):
            self._snapshot_at = self._offset
            snapshot.save(self.path, self._offset, self.replay)

    def _start_again(self, file: JournalFileBackend | OpenJournal) -> None:
        """Replay the whole file, because the part already read has changed."""
        self._forget()
        self._play(file.read(0), salvage=True)

    def _forget(self) -> None:
        self.replay, self._offset, self._snapshot_at = Replay(), 0, 0
        self.version = uuid.uuid4().hex

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Reset the replay when the block is interrupted: it must match the bytes before the offset."""
        try:
            yield
        except BaseException:
            self._forget()
            raise

    def _play(self, content: bytes, salvage: bool) -> None:
        with self._all_or_nothing():
            for line in content.splitlines(keepends=True):
                try:
                    self.replay.apply(of_json(line.decode()))
                except (ValueError, KeyError, TypeError) as error:
                    if not salvage:
                        raise JournalShrunk from error
                    self._play_rest(line, error)
                self._offset += len(line)

    def _play_rest(self, line: bytes, error: Exception) -> None:
        """Apply the operation at the end of a line that begins with a write torn by a crash of another program."""
        if self._offset == 0:
            raise StorageFormatError(
                f"{self.path} is not a journal of studies: its first line is {line[:60]!r}. Give another path."
            ) from error
        _logger.warning(f"{self.path}: a line is damaged at byte {self._offset}; what can be read of it counts.")
        place = line.rfind(b'{"op_code"')
        with suppress(ValueError, KeyError, TypeError):
            self.replay.apply(json.loads(line[max(place, 0) :]))

    @contextmanager
    def writing(self) -> Iterator[Entries]:
        """Hold both locks, read everything that is in the file, and append the added operations at the end."""
        with self.lock:
            self._come_near()
            content = b""
            with self._file.locked(self._offset) as file:
                self._catch_up(file)
                new = Entries(self.worker)
                yield new
                if new.lines:
                    content = new.content
                    file.append(self._offset, content)
            # From here on the lock is released and the file is closed: the operations are stored.
            if content:
                with self._all_or_nothing():
                    self._offset += len(content)
                    new.play(self.replay)
            self._save_when_due()

    def _come_near(self) -> None:
        with suppress(OSError):
            if os.stat(self.path).st_size - self._offset > MAX_BEHIND:
                self._catch_up(self._file)

    def study(self, study_id: int) -> StudyRows:
        """Return a study as of the last operation read."""
        study = self.replay.studies.get(study_id)
        if study is None:
            raise no_study(study_id)
        return study

    def row(self, study_id: int, number: int) -> TrialRow:
        """Return a trial."""
        return self.study(study_id).row(number)

    def running(self, study_id: int, number: int) -> TrialRow:
        """Return a RUNNING trial; raise the contract's error for a trial in any other state."""
        row = self.row(study_id, number)
        if row.state is not TrialState.RUNNING:
            check_runs(number, row.state)
        return row
