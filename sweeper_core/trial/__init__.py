"""Trials: the trial objects of objectives, the stored records, and the history that samplers use."""

from sweeper_core._lazy import lazy_module

__getattr__, __dir__, __all__ = lazy_module(
    __name__,
    {
        "BaseTrial": "sweeper_core.trial.base",
        "FixedTrial": "sweeper_core.trial.fixed",
        "FrozenTrial": "sweeper_core.trial.frozen",
        "History": "sweeper_core.trial.history",
        "Trial": "sweeper_core.trial.live",
        "TrialData": "sweeper_core.trial.data",
        "TrialRecord": "sweeper_core.trial.record",
        "TrialState": "sweeper_core.trial.state",
        "create_trial": "sweeper_core.trial.frozen",
    },
)
