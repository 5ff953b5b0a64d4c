"""The storages of this package keep the promises of the contract."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from sweeper_core.storages import InMemoryStorage, RDBStorage
from sweeper_core.testing.storages import Opener, StorageConformance


class TestInMemoryStorage(StorageConformance):
    by_processes = False

    @pytest.fixture
    def opener(self) -> Opener:
        storage = InMemoryStorage()
        return lambda: storage


class TestSQLite(StorageConformance):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        return functools.partial(RDBStorage, f"sqlite:///{tmp_path / 'study.db'}")


class TestSQLiteInMemory(StorageConformance):
    by_processes = False

    @pytest.fixture
    def opener(self) -> Opener:
        storage = RDBStorage("sqlite:///:memory:")
        return lambda: storage

    test_the_storage_can_be_pickled = None  # type: ignore[assignment]  # it says so: see test_storages_rdb.py
