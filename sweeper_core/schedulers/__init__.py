"""Schedulers, which pause trials and continue the best of the paused ones; each file has one."""

from __future__ import annotations

from sweeper_core._lazy import lazy_module

__getattr__, __dir__, __all__ = lazy_module(
    __name__,
    attributes={
        "ASHAScheduler": "sweeper_core.schedulers.asha",
        "AutoScheduler": "sweeper_core.schedulers.auto",
        "Continue": "sweeper_core.schedulers.base",
        "FreezeThawScheduler": "sweeper_core.schedulers.freeze_thaw",
        "HyperbandScheduler": "sweeper_core.schedulers.hyperband",
        "New": "sweeper_core.schedulers.base",
        "Scheduler": "sweeper_core.schedulers.base",
        "Stop": "sweeper_core.schedulers.base",
        "StopScheduler": "sweeper_core.schedulers.stop",
        "scheduler_of": "sweeper_core.schedulers.named",
        "Vacancy": "sweeper_core.schedulers.base",
        "Wait": "sweeper_core.schedulers.base",
    },
)
