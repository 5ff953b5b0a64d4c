"""The journal storage: the promises of every storage, the file's repair, its locks, and Optuna beside it."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from sweeper_core.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage
from sweeper_core.testing.storages import Opener, StorageConformance


def open_journal(path: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(path)))


def open_journal_with_open_lock(path: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(path), JournalFileOpenLock(str(path)), fsync=True))


class TestJournal(StorageConformance):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        return functools.partial(open_journal, tmp_path / "study.log")


class TestJournalWithOpenLock(StorageConformance):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        return functools.partial(open_journal_with_open_lock, tmp_path / "study.log")
