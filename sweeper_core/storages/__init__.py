"""Storages: where studies live."""

from __future__ import annotations

from sweeper_core._lazy import lazy_module

__getattr__, __dir__, __all__ = lazy_module(
    __name__,
    attributes={
        "Storage": "sweeper_core.storages.base",
        "BaseStorage": "sweeper_core.storages.base",
        "StudyRecord": "sweeper_core.storages.base",
        "Lease": "sweeper_core.storages.base",
        "Claim": "sweeper_core.storages.base",
        "Point": "sweeper_core.storages.base",
        "TrialData": "sweeper_core.trial.data",
        "InMemoryStorage": "sweeper_core.storages.memory",
        "RDBStorage": "sweeper_core.storages.rdb",
        "JournalStorage": "sweeper_core.storages.journal",
        "JournalFileStorage": "sweeper_core.storages.journal",
        "JournalFileBackend": "sweeper_core.storages.journal",
        "JournalFileSymlinkLock": "sweeper_core.storages.journal",
        "JournalFileOpenLock": "sweeper_core.storages.journal",
        "StorageURL": "sweeper_core.storages.url",
        "get_storage": "sweeper_core.storages._open",
        "attrs_of_loss": "sweeper_core.storages._rules",
        "repeats": "sweeper_core.storages._rules",
        "retry_of": "sweeper_core.storages._rules",
        "upgrade": "sweeper_core.storages._sql.upgrade",
        "this_process": "sweeper_core.storages._leases",
        "fail_stale_trials": "sweeper_core.storages._callbacks",
        "RetryFailedTrialCallback": "sweeper_core.storages._callbacks",
        "RetryHeartbeatStaleTrialCallback": "sweeper_core.storages._callbacks",
    },
    submodules=("journal",),
)
